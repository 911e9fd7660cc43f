"""What a run tells: data handed to whoever shows it."""
