"""How good boxes are: matched to the true objects, then F1, precision and recall by category.

A box is true if it overlaps an object of its photo and category with an IoU of at least .5 that no box of a higher
score has taken: of several, the one it overlaps most. Objects that are difficult or crowds neither help nor hurt:
they are not missed, and a box on nothing but such is neither true nor false, however many there are. The overlap
with a crowd is the part of the box that lies in it. (PASCAL VOC, Everingham et al. 2010; matching as in COCO's
evaluation.)
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
FALSE, TRUE, IGNORED = 0, 1, 2
FIGURES = ("F1", "precision", "recall")
STEPS = np.arange(1, 100) / 100
"""Scores that may be thresholds."""


@dataclass(frozen=True, eq=False)
class Objects:
    """The G true objects of N photos, as flat arrays.

    Attributes:
        group: G numbers of photo and category, as ``Detections.groups``; sorted.
        boxes: G×4 float64, (x0, y0, x1, y1) in pixels, 0-based and half-open.
        ignored: G flags: difficult, or a crowd.
        crowd: G flags.
        shape: N, K.
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
        """The objects of ``scenes``, the photos of ``Detections``, row for row."""
        group = [row * categories + scene.labels for row, scene in enumerate(scenes)]
        return cls(
            group=np.concatenate([np.empty(0, dtype=np.int64), *group]),
            boxes=np.concatenate([np.empty((0, 4)), *(scene.boxes for scene in scenes)]),
            ignored=np.concatenate([np.empty(0, dtype=bool), *(s.difficult | s.crowd for s in scenes)]),
            crowd=np.concatenate([np.empty(0, dtype=bool), *(scene.crowd for scene in scenes)]),
            shape=(len(scenes), categories),
        )

    def totals(self) -> Floats:
        """N×K: how many objects there are to find."""
        found = np.bincount(self.group[~self.ignored], minlength=self.shape[0] * self.shape[1])
        return found.reshape(self.shape).astype(np.float64)


def match(detections: Detections, objects: Objects, iou: float = IOU) -> Ints:
    """D labels: TRUE, FALSE or IGNORED; a true box overlaps its object with ``iou`` at least.

    Raises:
        DataError: boxes and objects are not of as many photos and categories.
    """
    if (len(detections.images), len(detections.categories)) != objects.shape:
        raise DataError("boxes and true objects are not of the same photos and categories")
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
    """Pairs of a box and an object of its group that it may be true of, by falling score and then overlap."""
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
    """P boxes each → P: the area in both over that in either; 0 where neither has any."""
    return _overlap(a, b, np.zeros(len(b), dtype=bool))


def _overlap(a: Floats, b: Floats, crowd: NDArray[np.bool_]) -> Floats:
    """P boxes each → P: intersection over union, or over the area of ``a`` where ``b`` is a crowd."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    both = sides.clip(min=0).prod(axis=1)
    rest = np.where(crowd, 0, (b[:, 2:] - b[:, :2]).prod(axis=1) - both)
    area = (a[:, 2:] - a[:, :2]).prod(axis=1) + rest
    return np.asarray(np.divide(both, area, out=np.zeros_like(both), where=area > 0))


@dataclass(frozen=True, eq=False)
class DetectionScores:
    """How good the boxes of N photos are.

    Attributes:
        true, false: N×K, how many boxes are.
        objects: N×K, how many objects there are to be found.
    """

    true: Floats
    false: Floats
    objects: Floats

    @property
    def by_category(self) -> dict[str, Floats]:
        """K figures each, by name; NaN for categories that never occur."""
        terms = np.hstack([self.true, self.false, self.objects]).sum(axis=0)
        return dict(zip(FIGURES, _figures(terms[None])[:, 0], strict=True))

    @property
    def means(self) -> dict[str, float]:
        """The means over categories, by name."""
        return {name: float(mean_over_categories(values)) for name, values in self.by_category.items()}


def detection_scores(detections: Detections, objects: Objects) -> DetectionScores:
    """Of all boxes in ``detections``, whatever their scores; a photo without boxes has found nothing.

    Raises DataError as ``match`` does.
    """
    labels = match(detections, objects)
    true, false = (detections.totals((labels == label).astype(np.float64)).counts for label in (TRUE, FALSE))
    return DetectionScores(true, false, objects.totals())


def _figures(terms: Floats) -> Floats:
    """R×3K sums of true boxes, false ones and objects → 3×R×K: F1, precision, recall."""
    true, false, objects = np.split(terms, 3, axis=1)
    with np.errstate(invalid="ignore"):
        f1 = 2 * true / (true + false + objects)
        figures = np.stack([f1, true / (true + false), true / objects])
    return np.where(objects > 0, figures, np.nan)


def compare_detections(
    a: DetectionScores, b: DetectionScores, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, PairedDifference]:
    """The mean figures of ``a`` minus those of ``b``, by name, with percentile intervals over photos."""
    ours, theirs = (np.hstack([scores.true, scores.false, scores.objects]) for scores in (a, b))
    found = paired((ours, theirs), _mean_figures, resamples, seed, level)
    return dict(zip(FIGURES, found, strict=True))


def _mean_figures(terms: Floats) -> Floats:
    """R×3K sums → R×3."""
    return mean_over_categories(_figures(terms)).T


def f1_thresholds(detections: Detections, scores: Floats, labels: Ints, objects: Objects) -> Floats:
    """K thresholds in hundredths on ``scores`` (D), from which on the boxes have the greatest F1.

    ``labels`` as from ``match``; thresholds on it never change which boxes are true, as surer ones go first. A
    category in which no box is true takes the threshold that is best for all.
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
