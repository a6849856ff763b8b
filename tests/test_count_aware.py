"""Counts improve the boxes of a photo, whichever library they come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny import tiny_cells
from torch import Tensor, nn

from counting.detection.count_aware import CountAwareDetector, improve_boxes
from counting.detection.priors import CountPrior
from counting.networks.counters import build_counter
from counting.stats.count_distribution import Calibration
from counting_datasets.errors import CountingError

CLASSES = ("background", "dog", "unicorn", "couch")
CATEGORIES = ("dog", "sofa")
CORNERS = np.array([[0, 0, 9, 9], [1, 1, 9, 9], [2, 2, 9, 9], [3, 3, 9, 9], [4, 4, 9, 9]], dtype=np.float32)
SCORES = np.array([0.5, 0.9, 0.4, 0.3, 0.8], dtype=np.float32)
LABELS = np.array([1, 1, 2, 3, 1])
COUNTS = np.array([2.2, 0.4])
SPREAD = np.array([[0.0, 0.1, 0.8, 0.1], [0.9, 0.1, 0.0, 0.0]])
LEFT = [1, 2, 4]
"""Two dogs, the surest, no couch; nobody counts unicorns."""


@dataclass
class Supervised:
    """As supervision's: arrays of its own, chosen by flags."""

    xyxy: Any
    confidence: Any
    class_id: Any
    data: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, chosen: Any) -> "Supervised":
        return Supervised(self.xyxy[chosen], self.confidence[chosen], self.class_id[chosen])


class Ultra:
    """As ultralytics': one table of corners, score and class, from inference mode."""

    def __init__(self, table: Tensor) -> None:
        self.table = table

    @property
    def boxes(self) -> SimpleNamespace:
        table = self.table
        return SimpleNamespace(xyxy=table[:, :4], conf=table[:, -2], cls=table[:, -1], data=table)

    def __getitem__(self, chosen: Any) -> "Ultra":
        return Ultra(self.table[chosen])


def torchvisions() -> dict[str, Tensor]:
    masks = torch.arange(5)[:, None, None].expand(5, 2, 2)
    parts = {"boxes": torch.from_numpy(CORNERS), "labels": torch.from_numpy(LABELS), "masks": masks}
    return {**parts, "scores": torch.from_numpy(SCORES)}


def ultralytics() -> Ultra:
    with torch.inference_mode():
        columns = np.concatenate([CORNERS, SCORES[:, None], LABELS[:, None].astype(np.float32)], axis=1)
        return Ultra(torch.from_numpy(columns).clone())


def fitted() -> CountPrior:
    return CountPrior(CATEGORIES, np.array([[0.0, 1.0], [0.0, 1.0]]), 0.5, np.array([0.6, 0.5]))


def without_thresholds(*categories: str) -> CountPrior:
    return CountPrior(categories, np.tile([0.0, 1.0], (len(categories), 1)), 0.5)


def test_torchvision_keeps_the_surest_and_what_belongs_to_them() -> None:
    left = improve_boxes(torchvisions(), CLASSES, CATEGORIES, COUNTS)
    assert left["boxes"].tolist() == CORNERS[LEFT].tolist()
    assert left["scores"].numpy() == pytest.approx(SCORES[LEFT])
    assert left["labels"].tolist() == LABELS[LEFT].tolist()
    assert left["masks"][:, 0, 0].tolist() == LEFT


def test_a_prior_gives_new_scores_and_unknown_classes_keep_theirs() -> None:
    left = improve_boxes(torchvisions(), CLASSES, CATEGORIES, COUNTS, SPREAD, fitted())
    assert left["labels"].tolist() == [1, 2, 1]
    assert left["scores"][1] == torch.tensor(0.4)
    assert left["scores"][0] > 0.9
    assert left["scores"].dtype == torch.float32


@pytest.mark.parametrize("prior", [None, fitted()])
def test_all_three_kinds_agree(prior: CountPrior | None) -> None:
    rest = (CLASSES, CATEGORIES, COUNTS, SPREAD, prior)
    expected = improve_boxes(torchvisions(), *rest)
    supervised = improve_boxes(Supervised(CORNERS, SCORES, LABELS), *rest)
    assert supervised.xyxy.tolist() == expected["boxes"].tolist()
    assert supervised.confidence.tolist() == expected["scores"].tolist()
    assert supervised.confidence.dtype == np.float32
    assert supervised.class_id.tolist() == expected["labels"].tolist()
    given = ultralytics()
    table = improve_boxes(given, dict(enumerate(CLASSES)), *rest[1:]).table
    assert table[:, :4].tolist() == expected["boxes"].tolist()
    assert table[:, 4].tolist() == expected["scores"].tolist()
    assert table[:, 5].tolist() == expected["labels"].tolist()
    assert given.boxes.conf.tolist() == SCORES.tolist()


def test_no_boxes_stay_no_boxes() -> None:
    nothing = {name: part[:0] for name, part in torchvisions().items()}
    assert len(improve_boxes(nothing, CLASSES, CATEGORIES, COUNTS, SPREAD, fitted())["boxes"]) == 0


@pytest.mark.parametrize(
    ("output", "distribution", "prior", "message"),
    [
        ({"boxes": CORNERS}, None, None, "not the output of torchvision, supervision or ultralytics"),
        ([CORNERS], None, None, "not the output of torchvision, supervision or ultralytics"),
        (Supervised(CORNERS, None, LABELS), None, None, "no scores or no classes"),
        (torchvisions(), None, fitted(), "needs the distribution"),
        (torchvisions(), SPREAD, without_thresholds(*CATEGORIES), "needs thresholds"),
        (torchvisions(), SPREAD[:1], fitted(), "have different photos, or categories other than the prior's 2"),
    ],
)
def test_what_cannot_be_improved_is_refused_in_a_line(
    output: Any, distribution: Any, prior: CountPrior | None, message: str
) -> None:
    with pytest.raises(CountingError, match=message):
        improve_boxes(output, CLASSES, CATEGORIES, COUNTS, distribution, prior)


# A detector and a counter as one


class Detector(nn.Module):
    """Finds the same boxes everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Sequence[Tensor]] = []

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        self.calls.append(images)
        return [torchvisions() for _ in images]


def aware(calibrated: bool = False, prior: CountPrior | None = None) -> CountAwareDetector:
    counter = build_counter("aso_sub", tiny_cells(), CATEGORIES, {"hidden": [4]}).eval()
    calibration = Calibration(torch.zeros(2, 6), 20) if calibrated else None
    return CountAwareDetector(Detector(), CLASSES, counter, calibration, prior)


def test_a_count_aware_detector_is_called_as_torchvisions_are() -> None:
    model = aware(calibrated=True, prior=fitted())
    photos = [torch.rand(3, 40, 60), torch.rand(3, 50, 30)]
    outputs = model(photos)
    assert [set(output) for output in outputs] == [{"boxes", "labels", "scores", "masks"}] * 2
    with torch.no_grad():
        squares = torch.stack([model.counter.preprocess(_photo(photo)) for photo in photos])
        counts = model.counter.count(squares)
    assert model.calibration is not None
    spread = model.calibration.distribution(counts.double().numpy())
    for output, own, distribution in zip(outputs, counts.numpy(), spread, strict=True):
        expected = improve_boxes(torchvisions(), CLASSES, CATEGORIES, own, distribution, fitted())
        assert torch.allclose(output["scores"], expected["scores"], atol=1e-5)
    assert model([]) == []
    assert not model.train().detector.training


def _photo(image: Tensor) -> Any:
    from torchvision.transforms.functional import to_pil_image

    return to_pil_image(image)


def test_a_prior_needs_a_calibrated_counter_of_its_categories() -> None:
    with pytest.raises(CountingError, match="calibrated counter"):
        aware(prior=fitted())
    with pytest.raises(CountingError, match="other categories"):
        aware(calibrated=True, prior=without_thresholds("cat"))
