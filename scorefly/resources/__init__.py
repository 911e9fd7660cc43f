"""Resources: identity, the dependency graph, provisioners, and outputs that keep their secrecy."""
