"""Detect: count a detector's boxes (CEOS, detect), by a threshold on the score or by what each box is worth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from counting.detection.detections import Detections, earlier_in_group
from counting.stats.least_squares import fit_by_category
from counting.stats.metrics import Floats, Ints
from counting.tables.count_table import CountTable
from counting_datasets.errors import DataError

SCORES = (0.02, 0.03, 0.05, 0.08, 0.12, 0.17, 0.23, 0.3, 0.37, 0.45, 0.53, 0.61, 0.7, 0.8, 0.9)
"""The steps of a soft count: what a box is worth may grow at each."""

STRENGTHS = (np.inf, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
"""How strongly a category's soft count may be held to that of all categories; chosen by cross-validation."""


@dataclass(frozen=True, eq=False)
class ScoreThresholds:
    """A box counts when its score reaches the threshold of its category: ``thresholds`` has K, or one for all."""

    thresholds: Floats

    def counts(self, detections: Detections) -> CountTable:
        """N×K whole numbers."""
        thresholds = np.broadcast_to(self.thresholds, len(detections.categories))
        return detections.totals((detections.scores >= thresholds[detections.category]).astype(np.float64))


FIXED_THRESHOLD = ScoreThresholds(np.array([0.5]))
"""What counts where nothing was fitted."""


@dataclass(frozen=True, eq=False)
class SoftCount:
    """A box is worth the sum of its category's ``weights`` (K×J, ≥ 0) at the ``SCORES`` that its score reaches.

    So a box is worth more the surer it is, and the photo's count is the sum over its boxes, not rounded.
    """

    weights: Floats

    def counts(self, detections: Detections) -> CountTable:
        """N×K raw counts."""
        if len(detections.categories) != len(self.weights):
            raise DataError(f"fitted on {len(self.weights)} categories, asked about {len(detections.categories)}")
        worth = np.concatenate([np.zeros((len(self.weights), 1)), self.weights.cumsum(axis=1)], axis=1)
        return detections.totals(worth[detections.category, _steps(detections.scores)])


def fit_thresholds(detections: Detections, truth: CountTable) -> ScoreThresholds:
    """The threshold of each category that counts ``truth`` with the least squared error, in the middle of its gap.

    ``truth`` has the photos of ``detections``, row for row.
    """
    _check_rows(detections, truth)
    best = [
        _best_threshold(detections.where(detections.category == k), truth.counts[:, k])
        for k in range(len(truth.categories))
    ]
    return ScoreThresholds(np.array(best))


def _best_threshold(boxes: Detections, true: Floats) -> float:
    """Lower the threshold box by box: a photo's n-th box changes its squared error by 2 (n - 1 - true) + 1."""
    order = np.argsort(-boxes.scores, kind="stable")
    scores, image = boxes.scores[order], boxes.image[order]
    before = earlier_in_group(image)
    error = np.concatenate([[0.0], np.cumsum(2 * (before - true[image]) + 1)])
    edges = np.concatenate([[1.0], scores, [0.0]])
    allowed = np.concatenate([[True], scores[:-1] > scores[1:], [True]])[: len(error)]
    best = int(np.argmin(np.where(allowed, error, np.inf)))
    return float(np.nextafter(1.0, 2.0)) if best == 0 else float((edges[best] + edges[best + 1]) / 2)


def fit_soft_count(detections: Detections, truth: CountTable) -> SoftCount:
    """Non-negative least squares of the counts on how many boxes reach each score.

    Each category's weights are held to those that serve all categories; how strongly is chosen by five-fold
    cross-validation of the rounded mRMSE. ``truth`` has the photos of ``detections``, row for row.
    """
    _check_rows(detections, truth)
    return SoftCount(fit_by_category(_reached(detections), truth.counts, STRENGTHS))


def _reached(detections: Detections) -> Floats:
    """N×K×J: how many of a photo's boxes of a category reach each of ``SCORES``."""
    shape = (len(detections.images), len(detections.categories), len(SCORES) + 1)
    place = detections.groups * shape[2] + _steps(detections.scores)
    by_step = np.bincount(place, minlength=int(np.prod(shape))).reshape(shape)
    return np.asarray(by_step[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, 1:], dtype=np.float64)


def _steps(scores: Floats) -> Ints:
    """How many of ``SCORES`` each score reaches."""
    return np.searchsorted(np.array(SCORES), scores, side="right")


def _check_rows(detections: Detections, truth: CountTable) -> None:
    if detections.images != truth.images or detections.categories != truth.categories:
        raise DataError("boxes and true counts to fit on are not of the same photos and categories")


Fitter = Callable[[Detections, CountTable], ScoreThresholds | SoftCount]
FITTERS: dict[str, Fitter] = {"soft": fit_soft_count, "threshold": fit_thresholds}
"""By the name that the command line gives them."""
