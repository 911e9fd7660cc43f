"""Deploys Score workloads to Fly.io: an Action, and the same program as a CLI."""

__version__ = "0.1.0"
