"""From a fly.toml back to a Score file: the inverse of `convert/`."""
