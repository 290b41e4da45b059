"""A writing studio in the terminal."""
