"""Random draws from a range or a list that use only ``rng.random``, whose stream NumPy keeps the same."""

from collections.abc import Sequence
from typing import TypeVar

from numpy.random import Generator

T = TypeVar("T")


def between(rng: Generator, low: float, high: float) -> float:
    """A number drawn uniformly from the range."""
    return low + (high - low) * rng.random()


def one_of(rng: Generator, choices: Sequence[T]) -> T:
    return choices[int(rng.random() * len(choices))]
