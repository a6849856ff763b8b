"""Located counts in the formats of annotation tools."""
