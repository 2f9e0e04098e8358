"""From rows to a table: sessions, upserts, bad rows and the audit tables."""
