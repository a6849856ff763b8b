"""The counter "detect" (CEOS): count a detector's boxes by a score threshold, or as a weighted sum."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from counting.detection.detections import Detections, earlier_in_group
from counting.stats.least_squares import fit_by_category
from counting.stats.metrics import Floats, Ints
from counting.tables.count_table import CountTable
from counting_datasets.errors import DataError

SCORES = (0.02, 0.03, 0.05, 0.08, 0.12, 0.17, 0.23, 0.3, 0.37, 0.45, 0.53, 0.61, 0.7, 0.8, 0.9)
"""Score steps of a soft count; the weight of a box may grow at each."""

STRENGTHS = (np.inf, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
"""Candidate strengths of the shrinkage of a category's weights towards the shared ones."""


@dataclass(frozen=True, eq=False)
class ScoreThresholds:
    """Counts the boxes whose score reaches the threshold of their category.

    Attributes:
        thresholds: K values, or one for all categories.
    """

    thresholds: Floats

    def worth(self, category: Ints, scores: Floats) -> Floats:
        """What each of D boxes adds to the count of its category: 0 or 1."""
        thresholds = self.thresholds if len(self.thresholds) == 1 else self.thresholds[category]
        return np.asarray(scores >= thresholds, dtype=np.float64)

    def counts(self, detections: Detections) -> CountTable:
        """N×K integer counts."""
        return detections.totals(self.worth(detections.category, detections.scores))


FIXED_THRESHOLD = ScoreThresholds(np.array([0.5]))
"""The threshold used without fitting."""


@dataclass(frozen=True, eq=False)
class SoftCount:
    """Counts a box as the sum of its category's ``weights`` (K×J, ≥ 0) at the ``SCORES`` that its score reaches.

    Boxes with higher scores therefore count more. The count of a photo is the sum over its boxes, not rounded.
    """

    weights: Floats

    def worth(self, category: Ints, scores: Floats) -> Floats:
        """What each of D boxes adds to the count of its category, at least 0."""
        steps = np.concatenate([np.zeros((len(self.weights), 1)), self.weights.cumsum(axis=1)], axis=1)
        return np.asarray(steps[category, _steps(scores)])

    def counts(self, detections: Detections) -> CountTable:
        """N×K raw counts."""
        if len(detections.categories) != len(self.weights):
            raise DataError(
                f"fitted on {len(self.weights)} categories, but the boxes have {len(detections.categories)}"
            )
        return detections.totals(self.worth(detections.category, detections.scores))


def fit_thresholds(detections: Detections, truth: CountTable) -> ScoreThresholds:
    """The threshold of each category with the least squared error of the counts.

    ``truth`` has the photos of ``detections``, in the same order.
    """
    _check_rows(detections, truth)
    best = [
        _best_threshold(detections.where(detections.category == k), truth.counts[:, k])
        for k in range(len(truth.categories))
    ]
    return ScoreThresholds(np.array(best))


def _best_threshold(boxes: Detections, true: Floats) -> float:
    """The best threshold of a category, midway between two scores.

    Lowering the threshold past a photo's n-th box changes its squared error by 2 (n − 1 − true) + 1.
    """
    order = np.argsort(-boxes.scores, kind="stable")
    scores, image = boxes.scores[order], boxes.image[order]
    before = earlier_in_group(image)
    error = np.concatenate([[0.0], np.cumsum(2 * (before - true[image]) + 1)])
    edges = np.concatenate([[1.0], scores, [0.0]])
    allowed = np.concatenate([[True], scores[:-1] > scores[1:], [True]])[: len(error)]
    best = int(np.argmin(np.where(allowed, error, np.inf)))
    return float(np.nextafter(1.0, 2.0)) if best == 0 else float((edges[best] + edges[best + 1]) / 2)


def fit_soft_count(detections: Detections, truth: CountTable) -> SoftCount:
    """Fit weights by non-negative least squares of the counts on the numbers of boxes that reach each score.

    Each category's weights are shrunk towards shared ones; the strength has the least rounded mRMSE in five-fold
    cross-validation. ``truth`` has the photos of ``detections``, in the same order.
    """
    _check_rows(detections, truth)
    return SoftCount(fit_by_category(_reached(detections), truth.counts, STRENGTHS))


def _reached(detections: Detections) -> Floats:
    """N×K×J numbers of boxes per photo and category that reach each of ``SCORES``."""
    shape = (len(detections.images), len(detections.categories), len(SCORES) + 1)
    place = detections.groups * shape[2] + _steps(detections.scores)
    by_step = np.bincount(place, minlength=int(np.prod(shape))).reshape(shape)
    return np.asarray(by_step[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, 1:], dtype=np.float64)


def _steps(scores: Floats) -> Ints:
    """The number of ``SCORES`` that each score reaches."""
    return np.searchsorted(np.array(SCORES), scores, side="right")


def _check_rows(detections: Detections, truth: CountTable) -> None:
    if detections.images != truth.images or detections.categories != truth.categories:
        raise DataError("cannot fit: boxes and true counts have different photos or categories")


BoxRule = ScoreThresholds | SoftCount
"""A way to count boxes."""

Fitter = Callable[[Detections, CountTable], BoxRule]
FITTERS: dict[str, Fitter] = {"soft": fit_soft_count, "threshold": fit_thresholds}
"""Ways to count boxes after fitting, by their names on the command line."""
