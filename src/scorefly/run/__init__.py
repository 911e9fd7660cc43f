"""The commands, as sequences that read like a runbook. No argument parsing, no Markdown, no printing."""
