"""Guided mode: the studio decides the order of the work, for models that can't call tools."""
