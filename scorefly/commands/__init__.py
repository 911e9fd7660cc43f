"""One file per command, named as it is typed: the order of its steps."""
