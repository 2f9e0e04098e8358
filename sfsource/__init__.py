"""The command beside the pair: set up, see, check and repair."""
