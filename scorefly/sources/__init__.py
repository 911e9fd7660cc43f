"""Git repositories that workloads come from: their names, credentials, refs, and a cache of their files."""
