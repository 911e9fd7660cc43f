"""What runs on Fly against what should run, and changing it."""
