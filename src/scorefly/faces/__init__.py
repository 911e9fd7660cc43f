"""What a user sees and says: options, progress, outputs, summaries."""
