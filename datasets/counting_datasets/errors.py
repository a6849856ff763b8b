"""Errors for users: one line that says what is wrong and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class CountingError(ValueError):
    """An invalid request or input; the command line prints the message and exits with 2."""


class DataError(CountingError):
    """A data set, annotation file or split that is missing, malformed or inconsistent."""


class PhotoError(DataError):
    """A photo that is missing, truncated or not an image."""


def choices(word: str, known: Iterable[str]) -> str:
    """Suggest a replacement for an unknown ``word``: "did you mean 'val'? Available: train, val"."""
    by_lower = {name.lower(): name for name in known}
    listed = ", ".join(by_lower.values())
    near = get_close_matches(word.lower(), by_lower, n=1)
    return f"did you mean {by_lower[near[0]]!r}? Available: {listed}" if near else f"available: {listed}"


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The error for a ``key`` that is not in ``known``: "unknown key 'epoch', did you mean 'epochs'?"."""
    names = sorted(known)
    near = get_close_matches(key.lower(), names, n=1, cutoff=0.7)
    suggestion = f"did you mean {near[0]!r}?" if near else f"available: {', '.join(names)}"
    return f"unknown key {key!r}, {suggestion}"
