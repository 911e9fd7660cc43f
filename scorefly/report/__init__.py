"""The report of a run: data handed to a UI."""
