"""The Action's entry point: the program is in the package."""

from scorefly.action import run

run()
