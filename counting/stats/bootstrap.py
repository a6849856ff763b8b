"""Bootstrap confidence intervals over images, for one system or the difference between two.

A statistic is a function of sums over images. The matrix product of draws (how often each resample contains each
image) and terms (per image) therefore gives the sums of all resamples at once. Two systems are compared on the
same resamples. (Efron and Tibshirani 1993, chapter 13. The counting paper's released code draws images in
proportion to their index, which is a bug.)
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from counting.stats.metrics import Floats, finite_or_none
from counting_datasets.errors import CountingError, DataError

LEVEL = 0.95
"""Coverage of bootstrap intervals."""

RESAMPLES = 1000
"""Default number of resamples."""

MAX_RESAMPLES = 1_000_000

_CHUNK = 100
"""Number of resamples computed at once."""

Statistic = Callable[[Floats], Floats]
"""Function from R×T sums of terms over images to R×F values."""


@dataclass(frozen=True)
class Interval:
    """The central interval of ``level`` (0–1) of the resampled values; NaN if the value is undefined."""

    level: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """As in results.json."""
        return {"level": self.level, "low": finite_or_none(self.low), "high": finite_or_none(self.high)}


@dataclass(frozen=True)
class PairedDifference:
    """The value of system a minus that of system b on all images, with its interval."""

    difference: float
    interval: Interval

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0."""
        return self.interval.low > 0 or self.interval.high < 0

    def to_json(self) -> dict[str, float | None]:
        """The difference and its interval."""
        return {"difference": finite_or_none(self.difference), **self.interval.to_json()}


def bootstrap(
    terms: Floats, statistic: Statistic, resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL
) -> list[Interval]:
    """Percentile intervals of the F values of ``statistic``; ``terms`` is N×T, one row per image.

    Raises:
        CountingError: ``resamples`` outside 1 to ``MAX_RESAMPLES``, ``level`` outside (0, 1), or a negative seed.
        DataError: there are no images.
    """
    _check(terms, resamples, seed, level)
    drawn = [statistic(times @ terms) for times in _resampled(len(terms), resamples, seed)]
    return _intervals(np.concatenate(drawn), level)


def paired(
    terms: tuple[Floats, Floats],
    statistic: Statistic,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
) -> list[PairedDifference]:
    """The F values of ``statistic`` of system a minus those of b, given the N×T ``terms`` of each.

    Raises:
        CountingError: as ``bootstrap`` does.
        DataError: there are no images, or their numbers differ.
    """
    a, b = terms
    _check(a, resamples, seed, level)
    if len(a) != len(b):
        raise DataError(f"a paired comparison needs the same images, but there are {len(a)} and {len(b)}")
    drawn = [statistic(times @ a) - statistic(times @ b) for times in _resampled(len(a), resamples, seed)]
    once = np.ones((1, len(a)))
    differences = (statistic(once @ a) - statistic(once @ b))[0]
    intervals = _intervals(np.concatenate(drawn), level)
    return [PairedDifference(*each) for each in zip(differences.tolist(), intervals, strict=True)]


def _check(terms: Floats, resamples: int, seed: int, level: float) -> None:
    if not 1 <= resamples <= MAX_RESAMPLES:
        raise CountingError(f"{resamples} bootstrap resamples: must be from 1 to {MAX_RESAMPLES:,}")
    if not 0 < level < 1:
        raise CountingError(f"the level of an interval must be between 0 and 1, not {level}")
    if seed < 0:
        raise CountingError(f"seed must not be negative, not {seed}")
    if not len(terms):
        raise DataError("no images to resample")


def _resampled(images: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each resample contains each image, in blocks of up to ``_CHUNK`` × images."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        draws = rng.integers(images, size=(min(_CHUNK, resamples - start), images), dtype=np.int32)
        yield np.stack([np.bincount(draw, minlength=images) for draw in draws]).astype(np.float64)


def _intervals(drawn: Floats, level: float) -> list[Interval]:
    """The interval of each column, without its NaN."""
    ends = []
    for values in drawn.T:
        known = values[~np.isnan(values)]
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if len(known) else (np.nan, np.nan)
        ends.append(Interval(level, float(low), float(high)))
    return ends
