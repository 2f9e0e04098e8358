"""`sfsource doctor`: what would stop a run, or make it read less than all, before a run finds out."""
