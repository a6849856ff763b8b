"""How different the sequences of a list are."""

from collections.abc import Sequence

from counting_datasets.errors import CountingError


def distinct(sequences: Sequence[Sequence[str]], n: int) -> float:
    """Different n-grams in a list of sequences, over the words in them (0–1); 0 of no words.

    (DBS, section 6, after Li et al., "A Diversity-Promoting Objective Function", NAACL 2016.)

    Raises:
        CountingError: ``n`` is less than 1.
    """
    if n < 1:
        raise CountingError(f"n: an n-gram has one word at least, not {n}")
    words = sum(map(len, sequences))
    grams = {tuple(each[begin : begin + n]) for each in sequences for begin in range(len(each) - n + 1)}
    return len(grams) / words if words else 0.0
