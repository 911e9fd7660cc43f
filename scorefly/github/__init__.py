"""GitHub's side of a run: workflow commands, inputs, outputs, the job summary."""
