"""One encrypted document per environment, and where it is kept."""
