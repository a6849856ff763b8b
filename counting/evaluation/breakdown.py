"""Errors of a counter by true count, by category and by object size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from counting.stats.metrics import Floats
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

SUBITIZING_RANGE = range(1, 5)
"""Counts that people recognise at a glance, without counting."""

SMALL_BELOW = 0.05
LARGE_FROM = 0.25
"""Limits of small and large objects, as shares of the photo's area."""

CountBins = Sequence[tuple[str, float, float]]
"""Names of groups of true counts, each with its smallest and its largest count."""

_COUNT_BINS: CountBins = (
    ("0", 0, 0),
    ("1", 1, 1),
    ("2", 2, 2),
    ("3", 3, 3),
    ("4", 4, 4),
    ("5–7", 5, 7),
    ("8+", 8, np.inf),
)

STRATA: CountBins = (("0", 0, 0), ("1", 1, 1), ("2–4", 2, 4), ("5–9", 5, 9), ("10+", 10, np.inf))
"""True counts as a leaderboard groups them."""


@dataclass(frozen=True)
class ErrorGroup:
    """The errors of some (image, category) pairs.

    Attributes:
        name: what the pairs have in common.
        pairs: how many there are; the figures of none are NaN.
        rmse: sqrt(mean (p − c)²).
        bias: mean p − c; below 0, the counter undercounts.
        exact: share (0–1) of pairs whose count is exactly right.
    """

    name: str
    pairs: int
    rmse: float
    bias: float
    exact: float


def errors_by_true_count(predicted: Floats, true: Floats, bins: CountBins = _COUNT_BINS) -> tuple[ErrorGroup, ...]:
    """Pairs grouped by the true count, by default 0, 1, 2, 3, 4, 5–7, and 8 or more.

    Both arrays N×K, ``predicted`` as scored (``counting.stats.metrics.as_scored``), ``true`` NaN where it is not
    known; such pairs are left out.
    """
    error = predicted - true
    return tuple(_group(name, error[(true >= low) & (true <= high)]) for name, low, high in bins)


def errors_by_range(predicted: Floats, true: Floats) -> tuple[ErrorGroup, ErrorGroup]:
    """Pairs in the subitizing range, and those beyond it; arrays as in ``errors_by_true_count``."""
    error = predicted - true
    first, last = SUBITIZING_RANGE[0], SUBITIZING_RANGE[-1]
    return (
        _group(f"{first}–{last}", error[(true >= first) & (true <= last)]),
        _group(f"more than {last}", error[true > last]),
    )


def errors_by_category(predicted: Floats, true: Floats, categories: Sequence[str]) -> tuple[ErrorGroup, ...]:
    """Every image's pair of a category, for each of the K; arrays as in ``errors_by_true_count``."""
    return tuple(_group(category, error) for category, error in zip(categories, (predicted - true).T, strict=True))


def errors_by_object_size(predicted: Floats, true: Floats, areas: Floats) -> tuple[ErrorGroup, ...]:
    """Pairs with small, medium and large objects, by the N×K ``areas`` of ``mean_object_areas``.

    Pairs without an object are left out; arrays as in ``errors_by_true_count``.
    """
    error, occurs = predicted - true, true > 0
    return (
        _group("small", error[occurs & (areas < SMALL_BELOW)]),
        _group("medium", error[occurs & (areas >= SMALL_BELOW) & (areas < LARGE_FROM)]),
        _group("large", error[occurs & (areas >= LARGE_FROM)]),
    )


def mean_object_areas(scenes: SceneSet, protocol: Protocol, images: Sequence[str]) -> Floats:
    """N×K: the mean share (0–1) of its photo that a category's counted objects cover, NaN where it has none.

    Rows are in the order of ``images``.

    Raises:
        DataError: ``scenes`` lack an image.
    """
    by_id = {scene.id: scene for scene in scenes}
    unknown = next((image for image in images if image not in by_id), None)
    if unknown is not None:
        raise DataError(f"{scenes.data} {scenes.split} has no image {unknown!r}")
    areas = np.full((len(images), len(scenes.categories)), np.nan)
    for row, image in zip(areas, images, strict=True):
        scene = by_id[image]
        counted = scene.counted(protocol)
        labels, boxes = scene.labels[counted], scene.boxes[counted]
        shares = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) / (scene.size[0] * scene.size[1])
        objects = np.bincount(labels, minlength=len(row))
        total = np.bincount(labels, weights=shares, minlength=len(row))
        np.divide(total, objects, out=row, where=objects > 0)
    return areas


def _group(name: str, error: Floats) -> ErrorGroup:
    error = error[~np.isnan(error)]
    if error.size == 0:
        return ErrorGroup(name, 0, np.nan, np.nan, np.nan)
    return ErrorGroup(
        name,
        pairs=error.size,
        rmse=float(np.sqrt(np.mean(error**2))),
        bias=float(np.mean(error)),
        exact=float(np.mean(error == 0)),
    )
