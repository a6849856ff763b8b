"""Errors a person can act on: one line that says what is wrong and what to do."""


class CountingError(ValueError):
    """Anything wrong with what was asked or given; the command line prints it and exits with 2."""


class DataError(CountingError):
    """A data set, annotation file or split that is missing, malformed or inconsistent."""


class PhotoError(DataError):
    """A photo that is missing, truncated or no image at all."""
