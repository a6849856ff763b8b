"""Boxes of other libraries become detections, and counts."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models.detection import ssdlite320_mobilenet_v3_large

from counting.detection.adapters import from_supervision, from_torchvision, from_ultralytics
from counting.detection.detect import FIXED_THRESHOLD
from counting.detection.detections import Detections
from counting_datasets.errors import CountingError

CLASSES = ("__background__", "dog", "N/A", "couch")
BOXES = [[0.0, 0.0, 9.0, 9.0], [1.0, 1.0, 9.0, 9.0], [2.0, 2.0, 9.0, 9.0]]
SCORES = [0.9, 0.4, 0.8]
LABELS = [1, 3, 1]


def torchvisions() -> list[dict[str, torch.Tensor]]:
    """Three boxes in the first photo, none in the second."""
    full = {"boxes": torch.tensor(BOXES), "scores": torch.tensor(SCORES), "labels": torch.tensor(LABELS)}
    return [full, {name: values[:0] for name, values in full.items()}]


def ultralytics() -> list[SimpleNamespace]:
    names = dict(enumerate(CLASSES))

    def result(path: str, rows: int) -> SimpleNamespace:
        boxes = SimpleNamespace(
            xyxy=torch.tensor(BOXES)[:rows],
            conf=torch.tensor(SCORES)[:rows],
            cls=torch.tensor(LABELS).float()[:rows],
        )
        return SimpleNamespace(names=names, path=path, boxes=boxes)

    return [result("/photos/a.jpg", 3), result("/photos/b.jpg", 0)]


def supervisions() -> list[SimpleNamespace]:
    full = SimpleNamespace(xyxy=np.array(BOXES), confidence=np.array(SCORES), class_id=np.array(LABELS))
    return [full, SimpleNamespace(xyxy=np.zeros((0, 4)), confidence=None, class_id=None)]


@pytest.mark.parametrize(
    ("found", "images"),
    [
        (from_torchvision(torchvisions(), CLASSES), ("0", "1")),
        (from_torchvision(torchvisions(), CLASSES, images=["x", "y"]), ("x", "y")),
        (from_ultralytics(ultralytics()), ("a", "b")),
        (from_ultralytics(ultralytics(), images=["x", "y"]), ("x", "y")),
        (from_supervision(supervisions(), CLASSES), ("0", "1")),
        (from_supervision(supervisions(), dict(enumerate(CLASSES))), ("0", "1")),
    ],
)
def test_every_library_gives_the_same_boxes(found: Detections, images: tuple[str, ...]) -> None:
    assert (found.images, found.categories) == (images, ("dog", "couch"))
    assert found.boxes.tolist() == BOXES
    assert found.scores == pytest.approx(SCORES)
    assert (found.image.tolist(), found.category.tolist()) == ([0, 0, 0], [0, 1, 0])
    assert FIXED_THRESHOLD.counts(found).counts.tolist() == [[2, 0], [0, 0]]


def test_boxes_of_other_categories_are_left_out() -> None:
    found = from_torchvision(torchvisions(), CLASSES, ("person", "sofa"))
    assert (found.categories, found.category.tolist(), found.scores) == (
        ("person", "sofa"),
        [1],
        pytest.approx([0.4]),
    )


def test_photos_of_one_name_are_numbered() -> None:
    results = ultralytics()
    results[1].path = "/other/a.jpg"
    assert from_ultralytics(results).images == ("0", "1")


def test_no_photos_are_no_detections() -> None:
    assert len(from_torchvision([], CLASSES)) == len(from_ultralytics([])) == 0


def test_a_torchvision_detector_is_read() -> None:
    torch.manual_seed(0)
    model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).eval()
    with torch.inference_mode():
        outputs = model([torch.rand(3, 64, 64), torch.rand(3, 48, 64)])
    found = from_torchvision(outputs, [str(number) for number in range(91)])
    assert len(found) == sum(len(output["scores"]) for output in outputs) > 0
    assert found.boxes == pytest.approx(torch.cat([output["boxes"] for output in outputs]).numpy())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: from_torchvision([{"boxes": torch.zeros(0, 4)}], CLASSES), "not the output of torchvision"),
        (
            lambda: from_torchvision(torchvisions(), ("background", "dog")),
            "class 3 has no name: there are 2 classes",
        ),
        (lambda: from_torchvision(torchvisions(), CLASSES, images=["a"]), "1 image ids for the boxes of 2 photos"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(call: Any, message: str) -> None:
    with pytest.raises(CountingError, match=message):
        call()
