"""A detector loaded as a counter: its boxes count, in cells and as points."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import counting

CLASSES = ("__background__", "dog", "N/A", "cat")


class Detector(nn.Module):
    """Two dogs, a cat, a doubtful dog and a box of no class, in every photo."""

    def forward(self, photos: list[Tensor]) -> list[dict[str, Tensor]]:
        boxes = [[0, 0, 20, 20], [80, 40, 100, 60], [40, 20, 60, 40], [0, 0, 9, 9], [0, 0, 9, 9]]
        return [
            {
                "labels": torch.tensor([1, 1, 3, 1, 2]),
                "boxes": torch.tensor(boxes, dtype=torch.float32),
                "scores": torch.tensor([0.9, 0.5, 0.8, 0.49, 0.9]),
            }
            for _ in photos
        ]


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(
        "counting.detection.detectors.torchvision.build_model", lambda name, weights: (Detector(), CLASSES)
    )
    return counting.load("torchvision:stub", "cpu")


def test_boxes_with_a_score_of_at_least_one_half_count_in_the_cells_of_their_centres(counter: Any) -> None:
    result = counter.count(Image.new("RGB", (100, 60)))
    assert result.categories == counter.categories == ("dog", "cat")
    assert result.counts == {"dog": 2, "cat": 1}
    assert str(result) == "photo: 2 dogs, 1 cat"
    dog = result["dog"]
    assert dog.points.tolist() == [[10, 10, 1], [90, 50, 1]]
    assert (dog.expected, dog.low, dog.probability, dog.distribution) == (2, None, None, None)
    expected = np.zeros((9, 2))
    expected[[0, 8], 0] = expected[4, 1] = 1
    assert result.cells.tolist() == expected.tolist()
    assert result.draw().width == 640


def test_unreadable_photos_are_skipped_and_json_has_no_intervals(counter: Any) -> None:
    (result,) = counter.stream([b"no image", Image.new("RGB", (100, 60))], on_error="skip")
    assert result.to_dict()["counts"] == {"dog": 2, "cat": 1}
    assert all("interval" not in row for row in result.to_dict()["rows"])


def test_a_detector_answers_questions_but_does_not_explain(counter: Any) -> None:
    photo = Image.new("RGB", (100, 60))
    answer = counter.ask(photo, "how many dogs are there?")
    assert (answer.count, answer.low, answer.text, answer.reason) == (2, None, "2 dogs", None)
    assert answer.answer.cells.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert counter.ask(photo, "how many dogs and cats are there?").count == 3
    assert "no such category" in counter.ask(photo, "how many zebras are there?").reason
    with pytest.raises(counting.CountingError, match="is a detector"):
        counter.explain(photo, "dog")


def test_only_zero_shot_detectors_take_categories(counter: Any) -> None:
    for name in ("torchvision:stub", "voc2007-aso-sub"):
        with pytest.raises(counting.CountingError, match="has categories of its own"):
            counting.load(name, "cpu", categories=["apple"])
