"""From Score files and state to the apps that should run."""
