"""The question generator, which asks different questions about a photo, given its counts."""
