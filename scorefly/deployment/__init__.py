"""Compares what runs on Fly with what should run, and changes it."""
