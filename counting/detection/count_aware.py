"""Detectors that know how many there are: any model's boxes of one photo, kept and rescored by its counts.

The boxes come as torchvision gives them (a dict of ``boxes``, ``labels`` and ``scores``), as supervision does (an
object with ``xyxy``, ``class_id`` and ``confidence``) or as ultralytics does (one whose ``boxes`` has ``xyxy``,
``cls`` and ``conf``), and go back as the same.
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
    """The output of a detector for one photo, of the same kind, with fewer boxes.

    ``counts`` are K raw counts of ``categories``. With a fitted ``prior``, the boxes get new scores from
    ``distribution`` (K×(L + 1)); without, the top-n rule keeps those of the highest scores. Boxes of classes that
    have no category stay as they are.

    Raises:
        CountingError: no such output; a prior without a distribution or of other categories.
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
    """Which boxes stay, and the scores of all."""
    if prior is None:
        return top_n(found, counts[None]), found.scores
    if distribution is None:
        raise CountingError("a prior needs the distributions of the counts")
    if prior.thresholds is None:
        raise CountingError("for a photo alone, a prior needs thresholds: fit_prior gives it some")
    scores = prior.rescore(found, distribution[None])
    return prior.keep(found, scores, distribution[None]), scores


def _with(output: Any, kept: NDArray[np.bool_], scores: Floats) -> Any:
    """The boxes that are ``kept``, with their ``scores``."""
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
    """As the array or tensor that they replace."""
    if isinstance(old, Tensor):
        return torch.from_numpy(scores).to(old)
    return scores.astype(np.asarray(old).dtype)


class CountAwareDetector(nn.Module):
    """A torchvision detector that a counter advises: the same call, the same output, better boxes.

    ``forward(images)`` takes a list of 3×H×W photos in [0, 1] and gives a dict of ``boxes``, ``labels`` and
    ``scores`` each. It is for detection, not for training: both networks are in evaluation mode.

    Attributes:
        detector: called with the list of photos.
        classes: its names for its class numbers.
        counter: counts in the same photos.
        calibration, prior: fitted for the two; without a prior, the top-n rule decides.
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
            raise CountingError("a prior needs a calibrated counter: fit_calibration gives its calibration")
        if prior is not None and prior.categories != counter.categories:
            raise CountingError("the prior was fitted for a counter of other categories")
        self.detector = detector
        self.classes = classes
        self.counter = counter
        self.calibration = calibration
        self.prior = prior
        self.eval()

    def train(self, mode: bool = True) -> "CountAwareDetector":
        """Stays in evaluation mode."""
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
