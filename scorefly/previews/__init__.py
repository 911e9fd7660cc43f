"""Pull requests: what an event does, and what is told there."""
