"""How sure a figure is: a uniform bootstrap over images, alone and paired.

Every figure is a function of sums over images, so the matrix product of how often each resample drew each
image with the errors of each image gives the figures of all resamples at once. Two counters are compared on
the same resamples. (The counting paper's released code draws images in proportion to their index: a bug.)
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from counting.stats.metrics import (
    FIGURES,
    Floats,
    as_scored,
    check_shapes,
    finite_or_none,
    mean_over_categories,
)
from counting_datasets.errors import CountingError

_CHUNK = 100


@dataclass(frozen=True)
class Interval:
    """The central ``level`` (0–1) of the resampled figures; NaN where the figure does not exist."""

    level: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """As in results.json."""
        return {"level": self.level, "low": finite_or_none(self.low), "high": finite_or_none(self.high)}


@dataclass(frozen=True)
class PairedDifference:
    """A figure of counter a minus that of counter b, on all images, with its interval."""

    difference: float
    interval: Interval

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval.low > 0 or self.interval.high < 0


def bootstrap(
    predicted: ArrayLike,
    true: ArrayLike,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    rounded: bool = True,
) -> dict[str, Interval]:
    """Percentile intervals of the six figures of ``counting.stats.metrics``, by name.

    ``predicted`` (raw) and ``true`` are N×K counts; each resample draws N images with replacement, all alike.

    Raises:
        CountingError: ``resamples`` below 1 or ``level`` outside (0, 1).
        DataError: the arrays differ in shape or are empty.
    """
    _check(resamples, level)
    terms = _error_terms(predicted, true, rounded)
    drawn = np.concatenate([_figures(times, terms) for times in resampled(len(terms), resamples, seed)])
    return _intervals(drawn, level)


def paired_bootstrap(
    a: ArrayLike,
    b: ArrayLike,
    true: ArrayLike,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    rounded: tuple[bool, bool] = (True, True),
) -> dict[str, PairedDifference]:
    """The six figures of counter ``a`` minus those of ``b``, by name: an error below 0 speaks for ``a``.

    ``a`` and ``b`` are raw, all three N×K; ``rounded`` says it for a and for b. Raises as ``bootstrap`` does.
    """
    _check(resamples, level)
    both = [_error_terms(counts, true, whole) for counts, whole in zip((a, b), rounded, strict=True)]
    once = np.ones((1, len(both[0])))
    whole_a, whole_b = (_figures(once, terms)[0] for terms in both)
    drawn = np.concatenate(
        [_figures(times, both[0]) - _figures(times, both[1]) for times in resampled(len(both[0]), resamples, seed)]
    )
    intervals = _intervals(drawn, level)
    differences = dict(zip(FIGURES, (whole_a - whole_b).tolist(), strict=True))
    return {name: PairedDifference(differences[name], intervals[name]) for name in FIGURES}


def _check(resamples: int, level: float) -> None:
    if resamples < 1:
        raise CountingError(f"{resamples} bootstrap resamples: ask for at least 1")
    if not 0 < level < 1:
        raise CountingError(f"an interval's level must lie between 0 and 1, not {level}")


def _error_terms(predicted: ArrayLike, true: ArrayLike, rounded: bool) -> Floats:
    """N×7K: per image and category what the figures average, and last whether the category occurs."""
    p, c = as_scored(predicted, rounded), np.asarray(true, dtype=np.float64)
    check_shapes(p, c)
    occurs = (c > 0).astype(np.float64)
    square = (p - c) ** 2
    relative = square / (c + 1)
    return np.hstack([square, square * occurs, relative, relative * occurs, np.abs(p - c), p == c, occurs])


def resampled(images: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each resample drew each image: blocks of up to ``_CHUNK`` × images."""
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        draws = rng.integers(images, size=(min(_CHUNK, resamples - start), images), dtype=np.int32)
        yield np.stack([np.bincount(draw, minlength=images) for draw in draws]).astype(np.float64)


def _figures(times: Floats, terms: Floats) -> Floats:
    """R×6: the figures, in the order of ``FIGURES``, of images that count ``times`` (R×N) over."""
    sums = (times @ terms).reshape(len(times), 7, -1)
    images, occurs = times.shape[1], sums[:, 6]
    with np.errstate(invalid="ignore"):
        by_category = (
            np.sqrt(sums[:, 0] / images),
            np.sqrt(sums[:, 1] / occurs),
            np.sqrt(sums[:, 2] / images),
            np.sqrt(sums[:, 3] / occurs),
            sums[:, 4] / images,
            sums[:, 5] / images,
        )
    return np.stack([mean_over_categories(values) for values in by_category], axis=1)


def _intervals(drawn: Floats, level: float) -> dict[str, Interval]:
    tails = [(1 - level) / 2, (1 + level) / 2]
    ends = {}
    for name, values in zip(FIGURES, drawn.T, strict=True):
        known = values[~np.isnan(values)]
        low, high = np.quantile(known, tails) if len(known) else (np.nan, np.nan)
        ends[name] = Interval(level, float(low), float(high))
    return ends
