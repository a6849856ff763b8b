"""Match boxes to true objects, and score them by F1, precision and recall per category.

By falling score, each box takes the object of its photo and category that it overlaps most, among those with an
IoU of at least .5 that are not taken; the box is then true, else false. Difficult objects and crowds are ignored:
they do not count as missed, and boxes that match only such objects are neither true nor false. The overlap with a
crowd is the fraction of the box inside it. (PASCAL VOC, Everingham et al. 2010; matching as in COCO's evaluation.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counting.detection.detections import Detections
from counting.stats.bootstrap import PairedDifference, paired
from counting.stats.metrics import Floats, Ints, mean_over_categories
from counting_datasets.errors import DataError
from counting_datasets.scene import Scene

IOU = 0.5
"""Minimum IoU of a match."""

FALSE, TRUE, IGNORED = 0, 1, 2
FIGURES = ("F1", "precision", "recall")
STEPS = np.arange(1, 100) / 100
"""Candidate score thresholds."""


@dataclass(frozen=True, eq=False)
class Objects:
    """The G true objects of N photos, as flat arrays.

    Attributes:
        group: G sorted numbers of photo and category, as ``Detections.groups``.
        boxes: G×4 float64, (x0, y0, x1, y1) in pixels, 0-based and half-open.
        ignored: G flags of difficult objects and crowds.
        crowd: G flags of crowds.
        shape: (N, K).
    """

    group: Ints
    boxes: Floats
    ignored: NDArray[np.bool_]
    crowd: NDArray[np.bool_]
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        order = np.argsort(self.group, kind="stable")
        for name in ("group", "boxes", "ignored", "crowd"):
            object.__setattr__(self, name, getattr(self, name)[order])

    @classmethod
    def of(cls, scenes: Sequence[Scene], categories: int) -> "Objects":
        """The objects of ``scenes``, which are the photos of ``Detections`` in the same order."""
        group = [row * categories + scene.labels for row, scene in enumerate(scenes)]
        return cls(
            group=np.concatenate([np.empty(0, dtype=np.int64), *group]),
            boxes=np.concatenate([np.empty((0, 4)), *(scene.boxes for scene in scenes)]),
            ignored=np.concatenate([np.empty(0, dtype=bool), *(s.difficult | s.crowd for s in scenes)]),
            crowd=np.concatenate([np.empty(0, dtype=bool), *(scene.crowd for scene in scenes)]),
            shape=(len(scenes), categories),
        )

    def totals(self) -> Floats:
        """N×K numbers of objects that are not ignored."""
        found = np.bincount(self.group[~self.ignored], minlength=self.shape[0] * self.shape[1])
        return found.reshape(self.shape).astype(np.float64)


def match(detections: Detections, objects: Objects, iou: float = IOU) -> Ints:
    """D labels: TRUE, FALSE or IGNORED; ``iou`` is the minimum overlap of a match.

    Raises:
        DataError: boxes and objects have different numbers of photos or categories.
    """
    if (len(detections.images), len(detections.categories)) != objects.shape:
        raise DataError("boxes and true objects have different photos or categories")
    box, thing = _overlapping(detections, objects, iou)
    labels = np.full(len(detections), FALSE)
    taken = np.zeros(len(objects.group), dtype=bool)
    for b, t in zip(box.tolist(), thing.tolist(), strict=True):
        if labels[b] != FALSE or taken[t]:
            continue
        labels[b] = IGNORED if objects.ignored[t] else TRUE
        taken[t] = not objects.ignored[t]
    return labels


def _overlapping(detections: Detections, objects: Objects, least: float) -> tuple[Ints, Ints]:
    """Candidate pairs of a box and an object of its group, by falling score, then by falling overlap."""
    first, last = (np.searchsorted(objects.group, detections.groups, side=side) for side in ("left", "right"))
    pairs = last - first
    box = np.repeat(np.arange(len(detections)), pairs)
    thing = np.arange(pairs.sum()) + np.repeat(first - (pairs.cumsum() - pairs), pairs)
    overlap = _overlap(detections.boxes[box], objects.boxes[thing], objects.crowd[thing])
    near = overlap >= least
    box, thing, overlap = box[near], thing[near], overlap[near]
    order = np.lexsort((-overlap, objects.ignored[thing], box, -detections.scores[box]))
    return box[order], thing[order]


def box_iou(a: Floats, b: Floats) -> Floats:
    """P IoUs of P pairs of boxes; 0 if both are empty."""
    return _overlap(a, b, np.zeros(len(b), dtype=bool))


def _overlap(a: Floats, b: Floats, crowd: NDArray[np.bool_]) -> Floats:
    """P overlaps of P pairs of boxes: IoU, or intersection over the area of ``a`` if ``b`` is a crowd."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = sides.clip(min=0).prod(axis=1)
    rest = np.where(crowd, 0, (b[:, 2:] - b[:, :2]).prod(axis=1) - both)
    area = (a[:, 2:] - a[:, :2]).prod(axis=1) + rest
    return np.asarray(np.divide(both, area, out=np.zeros_like(both), where=area > 0))


@dataclass(frozen=True, eq=False)
class DetectionScores:
    """Scores of the boxes of N photos.

    Attributes:
        true, false: N×K numbers of true and of false boxes.
        objects: N×K numbers of objects.
    """

    true: Floats
    false: Floats
    objects: Floats

    @property
    def by_category(self) -> dict[str, Floats]:
        """K values of each metric, by name; NaN for categories without objects."""
        terms = np.hstack([self.true, self.false, self.objects]).sum(axis=0)
        return dict(zip(FIGURES, _figures(terms[None])[:, 0], strict=True))

    @property
    def means(self) -> dict[str, float]:
        """The mean of each metric over categories, by name."""
        return {name: float(mean_over_categories(values)) for name, values in self.by_category.items()}


def detection_scores(detections: Detections, objects: Objects) -> DetectionScores:
    """Score all boxes in ``detections``, whatever their scores.

    Raises:
        DataError: as for ``match``.
    """
    labels = match(detections, objects)
    true, false = (detections.totals((labels == label).astype(np.float64)).counts for label in (TRUE, FALSE))
    return DetectionScores(true, false, objects.totals())


def _figures(terms: Floats) -> Floats:
    """R×3K sums of true boxes, false boxes and objects → 3×R×K: F1, precision, recall."""
    true, false, objects = np.split(terms, 3, axis=1)
    with np.errstate(invalid="ignore"):
        f1 = 2 * true / (true + false + objects)
        figures = np.stack([f1, true / (true + false), true / objects])
    return np.where(objects > 0, figures, np.nan)


def compare_detections(
    a: DetectionScores, b: DetectionScores, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, PairedDifference]:
    """The mean metrics of ``a`` minus those of ``b``, by name, with percentile intervals over photos."""
    ours, theirs = (np.hstack([scores.true, scores.false, scores.objects]) for scores in (a, b))
    found = paired((ours, theirs), _mean_figures, resamples, seed, level)
    return dict(zip(FIGURES, found, strict=True))


def _mean_figures(terms: Floats) -> Floats:
    """R×3K sums → R×3 means over categories."""
    return mean_over_categories(_figures(terms)).T


def f1_thresholds(detections: Detections, scores: Floats, labels: Ints, objects: Objects) -> Floats:
    """K thresholds on ``scores`` (D), in hundredths, that maximise the F1 of each category.

    ``labels`` come from ``match``; a threshold does not change them, as boxes with higher scores match first. A
    category without true boxes gets the threshold that is best for all categories together.
    """
    totals = objects.totals().sum(axis=0)
    shared = _best_threshold(scores, labels, totals.sum())
    thresholds = np.full(len(totals), shared)
    for category, total in enumerate(totals):
        own = detections.category == category
        if (labels[own] == TRUE).any():
            thresholds[category] = _best_threshold(scores[own], labels[own], total)
    return thresholds


def _best_threshold(scores: Floats, labels: Ints, objects: float) -> float:
    true, false = ((scores[None, labels == label] >= STEPS[:, None]).sum(axis=1) for label in (TRUE, FALSE))
    return float(STEPS[np.argmax(2 * true / np.maximum(true + false + objects, 1))])
