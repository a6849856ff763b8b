"""A teacher: a detector whose boxes are soft targets, for categories that are not annotated or for all of them.

(Distillation: Hinton, Vinyals and Dean 2015. A detector's boxes for categories that a data set lacks: Zhao et al.,
Object Detection with a Unified Label Space from Multiple Datasets, ECCV 2020.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counting.detection.detections import Detections
from counting.detection.matching import Objects
from counting.detection.priors import calibrated, fit_box_probabilities
from counting.inputs.grid import Grid
from counting.inputs.views import View
from counting.networks.counters.base import Counter, Outputs
from counting.networks.losses import CountLoss
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

LEAST_PROBABLE = 0.03
"""Smallest probability of a box that is a target."""

SUREST = 0.999
"""Largest probability of a detector's box, below the 1 of annotated objects."""


def taught_categories(scene: Scene, *, distill: bool) -> NDArray[np.bool_]:
    """K flags of the categories for which a teacher's boxes are targets in this photo."""
    if scene.suspected is None:
        return np.zeros(len(scene.categories), dtype=bool)
    return np.ones(len(scene.categories), dtype=bool) if distill else ~scene.known_counts(Protocol())


def with_teacher(parts: Sequence[tuple[SceneSet, Detections | None]], *, distill: bool) -> tuple[SceneSet, ...]:
    """The scenes of all parts; where there are boxes of a detector, they are added as suspected objects.

    The probability of a box, given its score and category, is fitted to the annotated categories of all parts.

    Raises:
        DataError: no box is of an annotated category, or no box is correct.
    """
    asked = [(scenes, boxes) for scenes, boxes in parts if boxes is not None]
    weights = _fit(asked)
    return tuple(
        scenes if boxes is None else _with_boxes(scenes, boxes, calibrated(boxes, weights), distill=distill)
        for scenes, boxes in parts
    )


def _fit(parts: Sequence[tuple[SceneSet, Detections]]) -> NDArray[np.float64]:
    scenes = [scene for part, _ in parts for scene in part]
    certain = np.stack([scene.certain_counts() for scene in scenes])
    starts = np.cumsum([0, *(len(part) for part, _ in parts)])
    first = parts[0][1]
    joined = replace(
        first,
        images=tuple(scene.id for scene in scenes),
        numbers=None,
        image=np.concatenate([boxes.image + start for start, (_, boxes) in zip(starts, parts, strict=False)]),
        category=np.concatenate([boxes.category for _, boxes in parts]),
        boxes=np.concatenate([boxes.boxes for _, boxes in parts]),
        scores=np.concatenate([boxes.scores for _, boxes in parts]),
    )
    judged = joined.where(certain[joined.image, joined.category])
    return fit_box_probabilities(judged, Objects.of(scenes, len(first.categories)))


def _with_boxes(
    scenes: SceneSet, boxes: Detections, probability: NDArray[np.float64], *, distill: bool
) -> SceneSet:
    kept = probability >= LEAST_PROBABLE
    boxes, probability = boxes.where(kept), probability[kept].clip(max=SUREST)
    order = np.argsort(boxes.image, kind="stable")
    ends = np.searchsorted(boxes.image[order], np.arange(1, len(scenes)))
    found = []
    for scene, rows in zip(scenes, np.split(order, ends), strict=True):
        asked = scene.replaced(suspected=np.ones(len(scene.labels)))
        rows = rows[taught_categories(asked, distill=distill)[boxes.category[rows]]]
        found.append(_with_suspected(asked, boxes.boxes[rows], boxes.category[rows], probability[rows]))
    return replace(scenes, scenes=tuple(found))


def _with_suspected(
    scene: Scene, boxes: NDArray[np.float64], labels: NDArray[np.int64], probability: NDArray[np.float64]
) -> Scene:
    none = np.zeros(len(labels), dtype=bool)
    return scene.replaced(
        boxes=np.concatenate([scene.boxes, boxes]),
        labels=np.concatenate([scene.labels, labels]),
        difficult=np.concatenate([scene.difficult, none]),
        crowd=np.concatenate([scene.crowd, none]),
        suspected=np.concatenate([np.ones(len(scene.labels)), probability]),
        masks=None,
    )


@dataclass(frozen=True)
class TeacherLoss:
    """The count loss with a teacher's counts as targets: its boxes, weighted by their probabilities.

    Attributes:
        weight: the weight of the loss.
        criterion: the count loss.
        grid: the cells of the counts.
        distill: whether annotated categories have these targets too.
    """

    weight: float
    criterion: CountLoss
    grid: Grid
    distill: bool
    name: ClassVar[str] = "teacher"

    def target(self, scene: Scene, view: View) -> Tensor:
        """Cells×K fractional counts, NaN for categories without targets from the teacher."""
        counts = np.zeros((self.grid.cells, len(scene.categories)))
        if scene.suspected is not None:
            chosen = scene.suspected[view.kept] < 1
            rows = view.kept[chosen]
            weights = scene.suspected[rows]
            counts = self.grid.fractional_counts(
                view.boxes[chosen], scene.labels[rows], (1, 1), len(scene.categories), weights
            )
        counts[:, ~taught_categories(scene, distill=self.distill)] = np.nan
        return torch.from_numpy(counts).float()

    def __call__(self, counter: Counter, outputs: Outputs, targets: Tensor) -> Tensor:
        return counter.loss(outputs.head, targets, self.criterion)
