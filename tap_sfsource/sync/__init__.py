"""What one run reads of each object, as events."""
