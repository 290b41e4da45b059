"""The run: loop, conversation, steering, tools. Knows nothing of screens."""
