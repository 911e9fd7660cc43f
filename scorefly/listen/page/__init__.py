"""The status page: server-rendered HTML, without scripts."""
