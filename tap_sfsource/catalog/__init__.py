"""What can be read, and what a run reads."""
