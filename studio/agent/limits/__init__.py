"""How far a run goes by itself: limits, bounds of a reply, circles, and what the rest of a book will take."""
