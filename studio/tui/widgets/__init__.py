"""One widget a file, its CSS in the class."""
