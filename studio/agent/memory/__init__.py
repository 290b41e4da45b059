"""What a conversation gives way to when its window is full, and whether all that was known can still be found."""
