"""Distinct-n, a measure of the diversity of a list of sequences."""

from collections.abc import Sequence

from counting_datasets.errors import CountingError


def distinct(sequences: Sequence[Sequence[str]], n: int) -> float:
    """The number of different n-grams in a list of sequences over the number of words (0–1); 0 for no words.

    (DBS, section 6, after Li et al., "A Diversity-Promoting Objective Function", NAACL 2016.)

    Raises:
        CountingError: ``n`` is less than 1.
    """
    if n < 1:
        raise CountingError(f"n: must be at least 1, is {n}")
    words = sum(map(len, sequences))
    grams = {tuple(each[begin : begin + n]) for each in sequences for begin in range(len(each) - n + 1)}
    return len(grams) / words if words else 0.0
