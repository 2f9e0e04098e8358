"""What the tables `sync_reports` and `_sync_runs` say of the pair's runs, and whether all is well."""
