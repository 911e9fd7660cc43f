"""How a Workload with its resource outputs becomes a Fly app. One module a Score element."""
