#!/opt/scorefly/bin/python -I
"""The Action's entry point after its job: the program is in the package."""

from scorefly.action import run_post

run_post()
