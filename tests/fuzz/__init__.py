"""Bad inputs of every kind of file that a command reads: `python -m fuzz` in tests/, or `make fuzz`."""
