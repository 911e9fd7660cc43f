"""Fly's formats and limits, and the two ways to talk to it: the Machines REST API and flyctl."""
