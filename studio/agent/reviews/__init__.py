"""What a reader says of a chapter, as values, and what was said so far."""
