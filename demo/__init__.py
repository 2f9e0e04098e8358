"""`make demo`: an example company's org, loaded, changed and loaded again."""
