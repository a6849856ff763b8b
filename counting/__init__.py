"""Count everyday objects in everyday photos, and see why."""

__version__ = "0.1.0"
