"""A page's bytes turned into Singer lines, and verified on the way."""
