"""The answer about a count, in numbers and in words; every table, drawing, file, command and page shows this one.

The best guess is the raw count rounded half up, as scored by the metrics. (On validation photos the median of the
calibrated distribution is exact for 54 % of the shown counts instead of 50 %, but has a slightly larger mean
error; mode and mean are worse: ``benchmarks/shown_counts.py``.) A category is *shown* if its best guess is above 0
and the probability of at least one is ``shown_from`` or more; this threshold is fitted on a validation split and
stored with the counter's calibration.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counting.stats.count_distribution import LEVEL, SHOWN_FROM, intervals
from counting.stats.metrics import round_half_up
from counting.utils.inflection import plurals

MAYBE_BELOW = 0.8
"""Probability of at least one, below which an answer says "maybe"."""

ABOUT_BELOW = 0.4
"""Probability of the best guess, below which an answer says "about" and gives the interval."""

THRESHOLDS = tuple(step / 100 for step in range(50, 85, 5))
"""Candidates for ``shown_from``: nothing is shown that is more likely absent than present."""

_READABLE = {"pottedplant": "potted plant", "diningtable": "dining table", "tvmonitor": "TV"}


@dataclass(frozen=True)
class BestGuess:
    """The answer about one count.

    Attributes:
        count: the best guess.
        expected: the expected count: the mean of the distribution, or the raw count for an uncalibrated counter.
        shown: whether a summary of the photo mentions it.
        low, high: first and last count of the 80 % interval; None for an uncalibrated counter.
        probability: the probability of at least one; None for an uncalibrated counter.
        likelihood: the probability that the count is ``count``; None for an uncalibrated counter.
    """

    count: int
    expected: float
    shown: bool
    low: int | None = None
    high: int | None = None
    probability: float | None = None
    likelihood: float | None = None

    @property
    def interval(self) -> tuple[int, int] | None:
        """(low, high); None for an uncalibrated counter."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def hedge(self) -> str:
        """The word that qualifies the count: "maybe", "about", "probably" (for 0) or none."""
        if self.probability is None or self.likelihood is None:
            return ""
        if self.count == 0:
            return "probably" if self.probability > 1 - MAYBE_BELOW else ""
        if self.probability < MAYBE_BELOW:
            return "maybe"
        return "about" if self.likelihood < ABOUT_BELOW else ""

    def words(self, category: str = "") -> str:
        """The count in words: "2 dogs", "about 3 people (1–5)", "maybe 1 car"."""
        said = " ".join(filter(None, (self.hedge, str(self.count), noun(category, self.count))))
        return f"{said} ({self.low}–{self.high})" if self.hedge == "about" else said


def best_guesses(
    raw: NDArray[np.floating], distribution: NDArray[np.floating] | None, shown_from: float = SHOWN_FROM
) -> list[BestGuess]:
    """The answers about K counts.

    Args:
        raw: K raw counts.
        distribution: K×(L + 1) calibrated probabilities of 0, 1, … and L or more; None without calibration.
        shown_from: the probability of at least one from which a category is shown.
    """
    counts = round_half_up(raw).astype(np.int64)
    if distribution is None:
        return [BestGuess(int(count), float(x), bool(count > 0)) for count, x in zip(counts, raw, strict=True)]
    low, high = intervals(distribution, LEVEL)
    largest = distribution.shape[-1] - 1
    probabilities = distribution.astype(np.float64)
    means = probabilities @ np.arange(largest + 1)
    shown = is_shown(counts, 1 - probabilities[:, 0], shown_from)
    likelihoods = np.take_along_axis(probabilities, counts.clip(max=largest)[:, None], axis=1)[:, 0]
    rows = zip(counts, means, shown, low, high, 1 - probabilities[:, 0], likelihoods, strict=True)
    return [
        BestGuess(int(count), float(mean), bool(there), int(first), int(last), float(any_), float(exactly))
        for count, mean, there, first, last, any_, exactly in rows
    ]


def is_shown(
    counts: NDArray[np.integer], probability: NDArray[np.floating], shown_from: float = SHOWN_FROM
) -> NDArray[np.bool_]:
    """Which best guesses are shown; ``probability`` is that of at least one, in the same shape."""
    return np.asarray((counts > 0) & (probability >= shown_from))


def fit_shown_from(
    raw: NDArray[np.floating], probability: NDArray[np.floating], true: NDArray[np.floating]
) -> float:
    """The threshold in ``THRESHOLDS`` with the greatest F1 of shown against present categories.

    Args:
        raw: raw counts of a validation split, in any shape.
        probability: probabilities of at least one, in the same shape.
        true: true counts, in the same shape.
    """
    counts, there = round_half_up(raw).astype(np.int64), true > 0

    def f1(threshold: float) -> float:
        shown = is_shown(counts, probability, threshold)
        return 2 * float((shown & there).sum()) / max(float(shown.sum() + there.sum()), 1)

    return max(reversed(THRESHOLDS), key=f1) if there.any() else SHOWN_FROM


def in_order(guesses: Sequence[BestGuess]) -> list[int]:
    """The indices of a photo's shown guesses, by falling count, then by falling probability."""
    shown = [k for k, guess in enumerate(guesses) if guess.shown]
    return sorted(shown, key=lambda k: (-guesses[k].count, -(guesses[k].probability or 1)))


def things(guesses: Sequence[BestGuess], categories: Sequence[str]) -> list[str]:
    """The shown counts in words: ["2 dogs", "about 3 people (1–5)", "maybe 1 car"]."""
    return [guesses[k].words(categories[k]) for k in in_order(guesses)]


def noun(category: str, count: int) -> str:
    """The category in the singular or plural, as ``count`` needs: "person" → "people"."""
    name = readable(category)
    return name if count == 1 or not name else plurals(name)[0]


def readable(category: str) -> str:
    """The category in plain English; VOC joins some words: "pottedplant" → "potted plant"."""
    return _READABLE.get(category, category)
