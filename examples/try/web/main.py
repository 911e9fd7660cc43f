"""Counts visits in Redis, over HTTP: the standard library alone, so that the image is Python's own."""

from __future__ import annotations

import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

REDIS = urlsplit(os.environ["REDIS_URL"])


def ask(*commands: tuple[str, ...]) -> str:
    """Sends the commands to Redis and returns its last answer; each answer is one line.

    Raises OSError when Redis does not answer, or refuses a command.
    """
    with socket.create_connection((REDIS.hostname or "", REDIS.port or 6379), timeout=5) as connection:
        lines = connection.makefile("rb")
        answer = ""
        for command in commands:
            words = b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in command)
            connection.sendall(b"*%d\r\n" % len(command) + words)
            answer = lines.readline().decode().strip()
            if not answer or answer.startswith("-"):
                raise ConnectionError(answer or "Redis closed the connection")
        return answer[1:]


class Handler(BaseHTTPRequestHandler):
    """`/` counts and tells; `/healthz` says that the server is up."""

    def do_GET(self) -> None:
        """Answers one request."""
        if self.path == "/healthz":
            self.reply(200, "ok")
            return
        try:
            login = ("AUTH", unquote(REDIS.username or "default"), unquote(REDIS.password or ""))
            self.reply(200, f"{os.environ['GREETING']}: {ask(login, ('INCR', 'visits'))} visits")
        except OSError:
            self.reply(503, "Redis is not there")

    def reply(self, status: int, text: str) -> None:
        """Writes a short text."""
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Listens on IPv6, which Fly's private network is, and on IPv4."""

    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        """Opens both families, whatever the system's default is."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


if __name__ == "__main__":
    Server(("::", int(os.environ["PORT"])), Handler).serve_forever()
