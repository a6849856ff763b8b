"""How wrong counts are: the counting paper's figures, and two that everyone understands.

Every function takes N×K predicted and true counts and gives one figure per category; the mean over categories
is the paper's "m". A figure marked ``nz`` runs over the images in which the category occurs; where it never
occurs that figure is NaN, and the mean over categories passes it over. (CEOS.)
"""
# ruff: noqa: N815 - the figures keep the paper's names, which are also the keys of results.json

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counting_datasets.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIGURES = ("mRMSE", "mRMSE_nz", "m_relRMSE", "m_relRMSE_nz", "mae", "exact")


def round_half_up(counts: ArrayLike) -> Floats:
    """Whole counts as the paper's evaluation takes them: floor(p + .5), negative ones as 0."""
    return np.asarray(np.floor(np.clip(np.asarray(counts, dtype=np.float64), 0.0, None) + 0.5))


def as_scored(counts: ArrayLike, rounded: bool = True) -> Floats:
    """Raw counts as they enter every figure: clipped at 0 and, but for a few baselines, rounded half up."""
    raw = np.asarray(counts, dtype=np.float64)
    return round_half_up(raw) if rounded else np.clip(raw, 0.0, None)


def rmse(predicted: Floats, true: Floats) -> Floats:
    """sqrt(mean_i (p − c)²), K figures."""
    return np.asarray(np.sqrt(np.mean((predicted - true) ** 2, axis=0)))


def rmse_nz(predicted: Floats, true: Floats) -> Floats:
    """``rmse`` over the images with c > 0."""
    return np.sqrt(_mean_nz((predicted - true) ** 2, true))


def rel_rmse(predicted: Floats, true: Floats) -> Floats:
    """sqrt(mean_i (p − c)² / (c + 1)), K figures: a miss among many weighs less."""
    return np.asarray(np.sqrt(np.mean((predicted - true) ** 2 / (true + 1), axis=0)))


def rel_rmse_nz(predicted: Floats, true: Floats) -> Floats:
    """``rel_rmse`` over the images with c > 0."""
    return np.sqrt(_mean_nz((predicted - true) ** 2 / (true + 1), true))


def mae(predicted: Floats, true: Floats) -> Floats:
    """mean_i |p − c|, K figures."""
    return np.asarray(np.mean(np.abs(predicted - true), axis=0))


def exact(predicted: Floats, true: Floats) -> Floats:
    """The share of images (0–1) whose count is right, K figures."""
    return np.asarray(np.mean(predicted == true, axis=0, dtype=np.float64))


def mean_over_categories(figures: Floats) -> Floats:
    """Mean over the last axis, passing over NaN: categories that never occur have no ``nz`` figure."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.asarray(np.nanmean(figures, axis=-1))


@dataclass(frozen=True)
class CountMetrics:
    """The figures of one counter on one split, and the same for each category.

    ``per_category`` maps a category to its figures under the same names; a figure that does not exist is NaN.
    """

    mRMSE: float
    mRMSE_nz: float
    m_relRMSE: float
    m_relRMSE_nz: float
    mae: float
    exact: float
    per_category: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """As in results.json: plain numbers, None for a figure that does not exist."""
        whole = {name: finite_or_none(value) for name, value in asdict(self).items() if name in FIGURES}
        each = {
            category: {name: finite_or_none(value) for name, value in figures.items()}
            for category, figures in self.per_category.items()
        }
        return {**whole, "per_category": each}


def finite_or_none(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None


def count_metrics(
    predicted: ArrayLike, true: ArrayLike, categories: Sequence[str], rounded: bool = True
) -> CountMetrics:
    """Every figure for raw ``predicted`` against ``true`` counts (N×K both).

    ``rounded`` as in ``as_scored``.

    Raises:
        DataError: the arrays differ in shape, hold no image, or do not fit ``categories``.
    """
    p, c = as_scored(predicted, rounded), np.asarray(true, dtype=np.float64)
    check_shapes(p, c)
    if c.shape[1] != len(categories):
        raise DataError(f"counts of {c.shape[1]} categories, but {len(categories)} names")
    by_figure = [figure(p, c) for figure in (rmse, rmse_nz, rel_rmse, rel_rmse_nz, mae, exact)]
    per_category = {
        category: dict(zip(FIGURES, (float(values[k]) for values in by_figure), strict=True))
        for k, category in enumerate(categories)
    }
    means = {name: float(mean_over_categories(values)) for name, values in zip(FIGURES, by_figure, strict=True)}
    return CountMetrics(**means, per_category=per_category)


def check_shapes(predicted: Floats, true: Floats) -> None:
    """Raise DataError unless both are N×K with N and K ≥ 1."""
    if predicted.shape != true.shape or true.ndim != 2:
        raise DataError(f"predicted counts are {predicted.shape}, true counts {true.shape}: they must agree")
    if true.size == 0:
        raise DataError("no counts to score: the table has no image or no category")


def _mean_nz(values: Floats, true: Floats) -> Floats:
    occurs = true > 0
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sum(values * occurs, axis=0) / np.sum(occurs, axis=0))
