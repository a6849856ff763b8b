"""Counts by category: the count of one, and the counts of all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counting.stats.best_guess import BestGuess, in_order, things
from counting_datasets.categories import canonical
from counting_datasets.errors import CountingError


@dataclass(frozen=True, eq=False, repr=False)
class CategoryCount:
    """The count of one category in one photo.

    Attributes:
        category: its name.
        guess: the best guess with its interval and probabilities.
        distribution: L + 1 probabilities of the counts 0, 1, … and L or more; None for an uncalibrated counter.
        points: n×3: x and y in pixels of the photo, and a weight; largest weight first. The weights sum to
            ``expected``. None for a counter that does not locate objects.
    """

    category: str
    guess: BestGuess
    distribution: NDArray[np.float32] | None
    points: NDArray[np.float64] | None

    @property
    def count(self) -> int:
        """The best guess."""
        return self.guess.count

    @property
    def expected(self) -> float:
        """The expected count: the mean of the distribution, or the raw count for an uncalibrated counter."""
        return self.guess.expected

    @property
    def low(self) -> int | None:
        """The first count of the 80 % interval; None for an uncalibrated counter."""
        return self.guess.low

    @property
    def high(self) -> int | None:
        """The last count of the 80 % interval; None for an uncalibrated counter."""
        return self.guess.high

    @property
    def probability(self) -> float | None:
        """The probability of at least one; None for an uncalibrated counter."""
        return self.guess.probability

    def __str__(self) -> str:
        return self.guess.words(self.category)

    def __repr__(self) -> str:
        return f"CategoryCount({self.category!r}, {self})"


@dataclass(frozen=True, eq=False, repr=False)
class CategoryCounts:
    """The counts of all categories in a photo, or in a part of it.

    Attributes:
        categories: the K names that the counter counts.
    """

    categories: tuple[str, ...]
    _guesses: Sequence[BestGuess]
    _distribution: NDArray[np.float32] | None
    _points: Sequence[NDArray[np.float64]] | None

    @property
    def counts(self) -> dict[str, int]:
        """Best guesses of what is probably there, most numerous first; ``result[name]`` gives any category."""
        return {self.categories[k]: self._guesses[k].count for k in in_order(self._guesses)}

    @property
    def things(self) -> list[str]:
        """``counts`` in words: ["2 dogs", "about 3 people (1–5)", "maybe 1 car"]."""
        return things(self._guesses, self.categories)

    @property
    def guesses(self) -> Sequence[BestGuess]:
        """The best guesses of all K categories."""
        return self._guesses

    @property
    def located(self) -> bool:
        """Whether the counter locates objects."""
        return self._points is not None

    def __getitem__(self, category: str) -> CategoryCount:
        """The count of a category, by its name or a synonym ("couch" for "sofa").

        Raises:
            CountingError: the counter does not count it.
        """
        names = [canonical(name) for name in self.categories]
        if canonical(category) not in names:
            known = ", ".join(self.categories)
            raise CountingError(f"this counter does not count {category!r}; it counts {known}")
        k = names.index(canonical(category))
        return CategoryCount(
            self.categories[k],
            self._guesses[k],
            None if self._distribution is None else self._distribution[k],
            None if self._points is None else self._points[k],
        )

    def __iter__(self) -> Iterator[CategoryCount]:
        """The counts of all categories, in their order."""
        return (self[name] for name in self.categories)

    @property
    def text(self) -> str:
        """``things`` in one line, or "no known objects"."""
        return ", ".join(self.things) or "no known objects"
