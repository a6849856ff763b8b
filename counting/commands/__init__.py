"""The commands of ``counting``, one file each: read the arguments, call the library, print the result."""
