"""COCO's average precision, with PASCAL VOC's rule for difficult objects."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from counting.detection.detections import Detections
from counting.detection.matching import IGNORED, TRUE, Objects, match
from counting.stats.metrics import Floats, Ints, mean_over_categories
from counting_datasets.scene import Scene

IOUS = np.linspace(0.5, 0.95, 10)
"""IoU thresholds at which a box is true."""

RECALLS = np.linspace(0, 1, 101)
"""Recall levels at which precision is sampled."""

MAX_BOXES = 100
"""Maximum number of scored boxes per photo and category, those with the highest scores."""


def average_precision(detections: Detections, scores: Floats, scenes: Sequence[Scene]) -> tuple[float, float]:
    """AP averaged over IoU .5, .55, …, .95, and AP at .5; means over categories; ``scores`` (D) rank the boxes.

    ``scenes`` are the photos of ``detections``, in the same order. Difficult objects and crowds, and boxes matched
    to them, are ignored (see ``counting.detection.matching``). Both values are 0 without boxes and NaN without
    objects. (COCO's evaluation: Lin et al. 2014; pycocotools.)
    """
    objects = Objects.of(scenes, len(detections.categories))
    ranked = replace(detections, scores=scores)
    ranked = ranked.where(ranked.rank < MAX_BOXES)
    totals = objects.totals().sum(axis=0)
    by_iou = np.array([_by_category(ranked, match(ranked, objects, float(iou)), totals) for iou in IOUS])
    means = mean_over_categories(by_iou)
    return float(means.mean()), float(means[0])


def _by_category(detections: Detections, labels: Ints, totals: Floats) -> Floats:
    """K average precisions; NaN for categories without objects."""
    found = np.full(len(totals), np.nan)
    for category in np.flatnonzero(totals):
        own = np.flatnonzero((detections.category == category) & (labels != IGNORED))
        order = own[np.argsort(-detections.scores[own], kind="stable")]
        true = (labels[order] == TRUE).cumsum()
        precision = true / np.arange(1, len(order) + 1)
        envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0)
        found[category] = envelope[np.searchsorted(true / totals[category], RECALLS)].mean()
    return found
