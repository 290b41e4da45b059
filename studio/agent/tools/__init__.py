"""The tools an agent can call, one a file."""
