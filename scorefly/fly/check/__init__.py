"""A checker for fly.toml and machine.json: all that flyctl's strict validation knows, and what it misses."""
