"""One file a command of ``counting``: reads its arguments, calls the library, prints."""
