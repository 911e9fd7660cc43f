"""The kinds of values that keys of fly.toml and of a Machine's configuration have."""

from __future__ import annotations

from scorefly.fly.check.leaf import Flag, Leaf, Size, Text, Whole
from scorefly.fly.check.shape import Texts
from scorefly.fly.check.texts import (
    empty_problem,
    path_problem,
    url_path_problem,
    words_problem,
)

GB = 10**9
MIB = 2**20
ANYTHING = Leaf()
FLAG = Flag()
TEXT = Text()
NAME = Text(empty_problem, "give a name")
PATH = Text(path_problem, "begin it with `/`")
URL_PATH = Text(url_path_problem, "begin it with `/`")
COMMAND = Text(words_problem, "close it")
PORT = Whole(1, 65535)
COUNT = Whole(0)
WORDS = Texts(TEXT)
PROCESSES = Texts(TEXT)
VOLUME_SIZE = Size("GB", GB, 1000, usual=500)
SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGSTOP", "SIGHUP")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
HANDLERS = ("http", "tls", "pg_tls", "proxy_proto", "edge_http")
STRATEGIES = ("rolling", "immediate", "canary", "bluegreen")
PERSISTENCE = ("never", "restart", "always")
