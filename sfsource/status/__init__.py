"""`sfsource status`: how the last runs went, collection by collection; on a terminal, as a page, and as an exit status."""
