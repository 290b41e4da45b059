"""A book on disk: its files, their history and the merge policy. Knows nothing of models or screens."""
