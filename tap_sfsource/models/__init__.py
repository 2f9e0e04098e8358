"""What the catalog knows, for people and tools that work with the tables: `python -m tap_sfsource.models`."""
