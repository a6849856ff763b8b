"""Metrics of counts: the counting paper's four, the mean absolute error and the share of exact counts.

A metric has a value for each category; the paper's prefix "m" is the mean over categories. A metric with the
suffix ``nz`` uses only images that contain the category. For a category that never occurs it is NaN, and the mean
over categories leaves it out. Images with an unknown true count of a category are left out of its metrics.
(CEOS, section 4.)
"""
# ruff: noqa: N815 - the figures keep the paper's names, which are also the keys of results.json

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counting_datasets.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MAX_COUNT = 1e12
"""Largest count that metrics accept, so that sums of squares over a data set stay precise."""


def round_half_up(counts: ArrayLike) -> Floats:
    """Counts rounded as in the paper's evaluation: floor(p + .5), with negative counts as 0."""
    return np.asarray(np.floor(np.clip(np.asarray(counts, dtype=np.float64), 0.0, None) + 0.5))


def as_scored(counts: ArrayLike, rounded: bool = True) -> Floats:
    """Raw counts as scored: clipped at 0 and, if ``rounded``, rounded half up."""
    raw = np.asarray(counts, dtype=np.float64)
    return round_half_up(raw) if rounded else np.clip(raw, 0.0, None)


def _squared(predicted: Floats, true: Floats) -> Floats:
    return np.asarray((predicted - true) ** 2)


def _relative(predicted: Floats, true: Floats) -> Floats:
    return np.asarray((predicted - true) ** 2 / (true + 1))


def _absolute(predicted: Floats, true: Floats) -> Floats:
    return np.asarray(np.abs(predicted - true))


def _equal(predicted: Floats, true: Floats) -> Floats:
    return np.asarray(predicted == true, dtype=np.float64)


@dataclass(frozen=True)
class Metric:
    """A mean over images, by category. ``metric(predicted, true)`` takes N×K counts to K values.

    Every metric is a function of sums over images (``figure`` of the sums of ``terms``). A bootstrap therefore
    needs only the sums over its resamples, and parallel processes only add up their sums.

    Attributes:
        name: the key of the mean over categories in results.json.
        error: maps N×K predicted and true counts to N×K errors.
        occurring: whether only images with a true count above 0 are scored.
        root: whether the metric is the square root of the mean.
    """

    name: str
    error: Callable[[Floats, Floats], Floats]
    occurring: bool = False
    root: bool = False

    def terms(self, predicted: Floats, true: Floats) -> Floats:
        """N×K terms to sum over images."""
        error = self.error(predicted, true)
        return np.asarray(error * (true > 0)) if self.occurring else error

    def figure(self, sums: Floats, images: Floats, occurrences: Floats) -> Floats:
        """…×K values from …×K sums of ``terms``, numbers of ``images`` and, among them, of ``occurrences``.

        NaN for a category without images or, if ``occurring``, without occurrences.
        """
        with np.errstate(invalid="ignore"):
            mean = np.asarray(sums / (occurrences if self.occurring else images))
        return np.asarray(np.sqrt(mean)) if self.root else mean

    def __call__(self, predicted: Floats, true: Floats, known: Flags | None = None) -> Floats:
        """K values from N×K counts; only counts flagged ``known`` are scored, by default all."""
        scored = np.ones(true.shape, dtype=bool) if known is None else known
        sums = (self.terms(predicted, true) * scored).sum(axis=0)
        images, occurrences = (flags.sum(axis=0).astype(np.float64) for flags in (scored, scored & (true > 0)))
        return self.figure(sums, images, occurrences)


rmse = Metric("mRMSE", _squared, root=True)
"""sqrt(mean_i (p − c)²)."""

rmse_nz = Metric("mRMSE_nz", _squared, occurring=True, root=True)
"""sqrt(mean_i (p − c)²) over the images with c > 0."""

rel_rmse = Metric("m_relRMSE", _relative, root=True)
"""sqrt(mean_i (p − c)² / (c + 1)), which forgives errors among many objects."""

rel_rmse_nz = Metric("m_relRMSE_nz", _relative, occurring=True, root=True)
"""sqrt(mean_i (p − c)² / (c + 1)) over the images with c > 0."""

mae = Metric("mae", _absolute)
"""mean_i |p − c|."""

exact = Metric("exact", _equal)
"""Share of images (0–1) with p = c."""

METRICS = (rmse, rmse_nz, rel_rmse, rel_rmse_nz, mae, exact)
FIGURES = tuple(metric.name for metric in METRICS)
"""Names of ``METRICS`` in results.json."""

TERMS = len(METRICS) + 2
"""Number of terms per image and category: one per metric, an occurrence flag and a known flag."""


def metric_terms(predicted: Floats, true: Floats, known: Flags | None = None) -> Floats:
    """N×8K terms: those of each metric, occurrence flags and ``known`` flags (N×K, by default all true).

    The terms of an unknown count are 0.
    """
    terms = [*(metric.terms(predicted, true) for metric in METRICS), true > 0, np.ones_like(true)]
    return np.hstack([np.asarray(term * (True if known is None else known), dtype=np.float64) for term in terms])


def metrics_by_category(sums: Floats) -> Floats:
    """…×6×K values, in the order of ``METRICS``, from …×8K sums of ``metric_terms`` over images."""
    *of_metrics, occurrences, images = np.moveaxis(sums.reshape(*sums.shape[:-1], TERMS, -1), -2, 0)
    pairs = zip(METRICS, of_metrics, strict=True)
    return np.stack([metric.figure(each, images, occurrences) for metric, each in pairs], axis=-2)


def mean_over_categories(figures: Floats) -> Floats:
    """Mean over the last axis without NaN, which marks categories that never occur."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.asarray(np.nanmean(figures, axis=-1))


@dataclass(frozen=True)
class CountMetrics:
    """The metrics of a counter on a split: means over categories, and the values of each category.

    ``per_category`` maps a category to its values under the same names; an undefined value is NaN.
    """

    mRMSE: float
    mRMSE_nz: float
    m_relRMSE: float
    m_relRMSE_nz: float
    mae: float
    exact: float
    per_category: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """As in results.json: plain numbers, None for an undefined value."""
        whole = {name: finite_or_none(value) for name, value in asdict(self).items() if name in FIGURES}
        each = {
            category: {name: finite_or_none(value) for name, value in figures.items()}
            for category, figures in self.per_category.items()
        }
        return {**whole, "per_category": each}


def finite_or_none(value: float) -> float | None:
    """``value``, or None for NaN and infinity, which JSON lacks."""
    return value if math.isfinite(value) else None


def count_metrics(
    predicted: ArrayLike,
    true: ArrayLike,
    categories: Sequence[str],
    rounded: bool = True,
    known: Flags | None = None,
) -> CountMetrics:
    """All metrics of raw ``predicted`` counts against ``true`` counts (both N×K).

    ``rounded`` as for ``as_scored``; ``known`` (N×K) flags the true counts to score, by default all.

    Raises:
        DataError: as for ``scored_pair``, or the number of ``categories`` is not K.
    """
    p, c = scored_pair(predicted, true, rounded)
    if c.shape[1] != len(categories):
        raise DataError(f"{c.shape[1]} columns of counts, but {len(categories)} categories")
    values = metrics_by_category(metric_terms(p, c, known).sum(axis=0))
    per_category = {
        category: dict(zip(FIGURES, column, strict=True))
        for category, column in zip(categories, values.T.tolist(), strict=True)
    }
    means = dict(zip(FIGURES, mean_over_categories(values).tolist(), strict=True))
    return CountMetrics(**means, per_category=per_category)


def scored_pair(predicted: ArrayLike, true: ArrayLike, rounded: bool = True) -> tuple[Floats, Floats]:
    """N×K predicted counts as scored, and N×K true counts.

    Raises:
        DataError: the shapes differ, there are no images or categories, or a count is not finite, too large or,
            if true, negative.
    """
    p, c = (_numbers(counts, name) for counts, name in ((predicted, "predicted"), (true, "true")))
    if p.shape != c.shape or c.ndim != 2:
        raise DataError(f"predicted counts are {p.shape}, but true counts are {c.shape}: give both as N×K")
    if c.size == 0:
        raise DataError("no counts to score: there are no images or no categories")
    for counts, name in ((p, "predicted"), (c, "true")):
        _refuse(~np.isfinite(counts), counts, f"{name} counts must be finite")
        _refuse(np.abs(counts) > MAX_COUNT, counts, f"{name} counts must be at most {MAX_COUNT:.0e}")
    _refuse(c < 0, c, "true counts must not be negative")
    return as_scored(p, rounded), c


def _numbers(counts: ArrayLike, name: str) -> Floats:
    try:
        return np.asarray(counts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} counts are not an array of numbers: {error}") from None


def _refuse(wrong: NDArray[np.bool_], counts: Floats, rule: str) -> None:
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(f"{rule}, but the count at row {row}, column {column} is {counts[row, column]:g}")
