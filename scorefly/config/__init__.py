"""Options, the project file, and the settings of a run."""
