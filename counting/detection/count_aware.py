"""Count-aware detection: filter and rescore the boxes of any detector for one photo, using its counts.

The boxes are the output of torchvision (a dict of ``boxes``, ``labels`` and ``scores``), supervision (an object
with ``xyxy``, ``class_id`` and ``confidence``) or ultralytics (an object whose ``boxes`` has ``xyxy``, ``cls`` and
``conf``); the result has the same type.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms.functional import to_pil_image

from counting.detection.adapters import Classes, parts_of
from counting.detection.detections import Detections
from counting.detection.priors import CountPrior, top_n
from counting.networks.counters.base import Counter
from counting.stats.count_distribution import Calibration
from counting.stats.metrics import Floats
from counting_datasets.categories import match_categories
from counting_datasets.errors import CountingError


def improve_boxes(
    output: Any,
    classes: Classes,
    categories: Sequence[str],
    counts: Floats,
    distribution: NDArray[np.floating] | None = None,
    prior: CountPrior | None = None,
) -> Any:
    """The output of a detector for one photo with only the boxes to keep, as the same type.

    ``counts`` are K raw counts of ``categories``. A fitted ``prior`` gives the boxes new scores, using
    ``distribution`` (K×(L + 1)); without a prior, the top-n rule keeps the boxes with the highest scores. Boxes of
    classes outside ``categories`` are unchanged.

    Raises:
        CountingError: the output is of another kind, or the prior lacks a distribution or has other categories.
    """
    boxes, scores, labels = parts_of(output)
    names = dict(classes) if isinstance(classes, Mapping) else dict(enumerate(classes))
    matched = match_categories(list(names.values()), categories)
    column = {number: matched[place] for place, number in enumerate(names) if place in matched}
    category = np.array([column.get(label, -1) for label in labels.astype(int).tolist()], dtype=np.int64)
    counted = category >= 0
    found = Detections(
        images=("photo",),
        categories=tuple(categories),
        image=np.zeros(int(counted.sum()), dtype=np.int64),
        category=category[counted],
        boxes=boxes[counted],
        scores=scores[counted],
    )
    kept, new = np.ones(len(scores), dtype=bool), scores.copy()
    kept[counted], new[counted] = _decide(found, counts, distribution, prior)
    return _with(output, kept, new[kept])


def _decide(
    found: Detections, counts: Floats, distribution: NDArray[np.floating] | None, prior: CountPrior | None
) -> tuple[NDArray[np.bool_], Floats]:
    """Flags of the boxes to keep, and the scores of all boxes."""
    if prior is None:
        return top_n(found, counts[None]), found.scores
    if distribution is None:
        raise CountingError("a prior needs the distribution of the counts")
    if prior.thresholds is None:
        raise CountingError("for single photos, a prior needs thresholds: fit it with fit_prior")
    scores = prior.rescore(found, distribution[None])
    return prior.keep(found, scores, distribution[None]), scores


def _with(output: Any, kept: NDArray[np.bool_], scores: Floats) -> Any:
    """The output with the ``kept`` boxes and their ``scores``."""
    if isinstance(output, dict):
        return {name: _chosen(part, kept) for name, part in output.items()} | {
            "scores": _like(scores, output["scores"])
        }
    if hasattr(output, "confidence"):
        left = output[kept]
        left.confidence = _like(scores, output.confidence)
        return left
    left = output[np.flatnonzero(kept)]
    left.boxes.data[:, -2] = _like(scores, output.boxes.conf)
    return left


def _chosen(part: Any, kept: NDArray[np.bool_]) -> Any:
    return part[torch.from_numpy(kept).to(part.device)] if isinstance(part, Tensor) else np.asarray(part)[kept]


def _like(scores: Floats, old: Any) -> Any:
    """``scores`` as the same type as the array or tensor they replace."""
    if isinstance(old, Tensor):
        return torch.from_numpy(scores).to(old)
    return scores.astype(np.asarray(old).dtype)


class CountAwareDetector(nn.Module):
    """A torchvision detector whose boxes are filtered and rescored using a counter.

    ``forward(images)`` takes a list of 3×H×W photos in [0, 1] and returns a dict of ``boxes``, ``labels`` and
    ``scores`` for each. It is for inference only: both networks stay in evaluation mode.

    Attributes:
        detector: the torchvision detector.
        classes: its class names, by class number.
        counter: the counter, applied to the same photos.
        calibration, prior: fitted for the two networks; without a prior, the top-n rule chooses the boxes.
    """

    def __init__(
        self,
        detector: nn.Module,
        classes: Classes,
        counter: Counter,
        calibration: Calibration | None = None,
        prior: CountPrior | None = None,
    ) -> None:
        super().__init__()
        if prior is not None and calibration is None:
            raise CountingError("a prior needs a calibrated counter: calibrate it with fit_calibration")
        if prior is not None and prior.categories != counter.categories:
            raise CountingError("the prior was fitted for a counter of other categories")
        self.detector = detector
        self.classes = classes
        self.counter = counter
        self.calibration = calibration
        self.prior = prior
        self.eval()

    def train(self, mode: bool = True) -> "CountAwareDetector":
        """Do nothing: the detector stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        if not images:
            return []
        device = next(self.counter.parameters()).device
        squares = torch.stack([self.counter.preprocess(to_pil_image(image.cpu())) for image in images])
        counted = self.counter.count(squares.to(device))
        counts = counted.cpu().numpy().astype(np.float64)
        outputs: list[dict[str, Tensor]] = self.detector(images)
        spread = self.calibration(counted).probability.cpu().numpy() if self.calibration else [None] * len(images)
        return [
            improve_boxes(output, self.classes, self.counter.categories, own, distribution, self.prior)
            for output, own, distribution in zip(outputs, counts, spread, strict=True)
        ]
