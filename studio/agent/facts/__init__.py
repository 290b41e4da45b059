"""What an author's edit changes of the story's facts, and where the old ones still stand. ."""
