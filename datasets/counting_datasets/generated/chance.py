"""Draw from a range or a list, by a generator's plain uniform numbers, whose stream never changes."""

from collections.abc import Sequence
from typing import TypeVar

from numpy.random import Generator

T = TypeVar("T")


def between(rng: Generator, low: float, high: float) -> float:
    """A number drawn evenly from the range."""
    return low + (high - low) * rng.random()


def one_of(rng: Generator, choices: Sequence[T]) -> T:
    return choices[int(rng.random() * len(choices))]
