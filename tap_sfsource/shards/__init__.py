"""Catalogs that divide a run among several taps: `python -m tap_sfsource.shards`."""
