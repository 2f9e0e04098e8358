"""The pictures of the docs, each made from what the programs show: `make pictures` (docs/pictures/)."""
