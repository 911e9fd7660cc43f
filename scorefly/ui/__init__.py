"""Showing a run: terminal, workflow log, job summary, outputs."""
