"""How fast the pair is, measured beside the peers and beside what the machine can do at all; see docs/benchmarks.md."""
