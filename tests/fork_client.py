"""A program that has the fork server run another: `python -IS fork_client.py SOCKET PROGRAM ARGUMENTS…`.

It imports nothing that takes long, ends as the other ends, and takes it along when it is killed.
"""

import _socket
import os
import sys

path, program, *arguments = map(os.fsencode, sys.argv[1:])
environment = [name + b"=" + value for name, value in os.environb.items()]
fields = [program, os.fsencode(os.getcwd()), b"%d" % len(arguments), *arguments, *environment]  # noqa: PTH109 - pathlib takes long
content = b"\0".join(fields)
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect(path)
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (1, 2))
server.sendmsg([b"%08d" % len(content)], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
view = memoryview(content)
while view:
    view = view[server.send(view) :]
answer = b""
while answer.count(b"\n") < 2 and (part := server.recv(64)):
    answer += part
code = os.waitstatus_to_exitcode(int(answer.split()[1]))
if code < 0:
    os.kill(os.getpid(), -code)
os._exit(abs(code))
