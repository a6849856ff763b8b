"""The question generator: different questions about a photo, from its counts."""
