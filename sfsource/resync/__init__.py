"""`sfsource resync`: has rows read again by the next run."""
