"""What becomes of events: Singer messages and the report of a run."""
