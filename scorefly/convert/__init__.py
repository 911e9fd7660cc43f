"""Converts a Workload with its resources' outputs to a Fly app. One module per Score element."""
