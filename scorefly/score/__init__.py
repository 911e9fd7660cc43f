"""Score files: YAML with positions, the v1b1 schema, the Workload model, placeholders and overrides."""
