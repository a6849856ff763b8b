"""The public API's objects: a counter that counts, asks and explains, and what it returns."""
