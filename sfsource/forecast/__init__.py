"""What runs will cost, before anything is spent: by the tap's own decisions, on counts of the org's rows."""
