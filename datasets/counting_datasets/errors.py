"""Errors a person can act on: one line that says what is wrong and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class CountingError(ValueError):
    """Anything wrong with what was asked or given; the command line prints it and exits with 2."""


class DataError(CountingError):
    """A data set, annotation file or split that is missing, malformed or inconsistent."""


class PhotoError(DataError):
    """A photo that is missing, truncated or no image at all."""


def choices(word: str, known: Iterable[str]) -> str:
    """What to use in place of an unknown ``word``: "did you mean 'val'? There are: train, val"."""
    by_lower = {name.lower(): name for name in known}
    listed = f"there are: {', '.join(by_lower.values())}"
    near = get_close_matches(word.lower(), by_lower, n=1)
    return f"did you mean {by_lower[near[0]]!r}? T{listed[1:]}" if near else listed


def unknown_key(key: str, known: Iterable[str]) -> str:
    """What is wrong with a ``key`` that is none of ``known``: "unknown key 'epoch', did you mean 'epochs'?"."""
    names = sorted(known)
    near = get_close_matches(key.lower(), names, n=1, cutoff=0.7)
    instead = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
    return f"unknown key {key!r}, {instead}"
