"""Breakdowns, on errors small enough to check by hand."""

from pathlib import Path

import numpy as np
import pytest

from counting.evaluation.breakdown import (
    ErrorGroup,
    errors_by_category,
    errors_by_object_size,
    errors_by_range,
    errors_by_true_count,
    mean_object_areas,
)
from counting.stats.metrics import count_metrics
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

TRUE = np.array([[0, 1], [2, 5], [7, 8], [0, 40]], dtype=float)
PREDICTED = np.array([[1, 1], [2, 3], [7, 6], [0, 20]], dtype=float)


def test_by_true_count() -> None:
    groups = {group.name: group for group in errors_by_true_count(PREDICTED, TRUE)}
    assert list(groups) == ["0", "1", "2", "3", "4", "5–7", "8+"]
    assert groups["0"] == ErrorGroup("0", 2, float(np.sqrt(0.5)), 0.5, 0.5)
    assert groups["5–7"] == ErrorGroup("5–7", 2, float(np.sqrt(2)), -1.0, 0.5)
    assert groups["8+"] == ErrorGroup("8+", 2, float(np.sqrt(202)), -11.0, 0.0)
    assert groups["3"].pairs == 0
    assert np.isnan(groups["3"].rmse)
    assert sum(group.pairs for group in groups.values()) == TRUE.size


def test_within_and_beyond_the_subitizing_range() -> None:
    within, beyond = errors_by_range(PREDICTED, TRUE)
    assert (within.name, within.pairs, within.rmse, within.exact) == ("1–4", 2, 0.0, 1.0)
    assert (beyond.name, beyond.pairs, beyond.bias) == ("more than 4", 4, -6.0)


def test_by_category_the_rmse_is_the_metric() -> None:
    metrics = count_metrics(PREDICTED, TRUE, ("cat", "dog")).per_category
    for group in errors_by_category(PREDICTED, TRUE, ("cat", "dog")):
        assert group.pairs == 4
        assert group.rmse == pytest.approx(metrics[group.name]["mRMSE"])
        assert group.exact == metrics[group.name]["exact"]


def scene(name: str, boxes: list[list[float]], labels: list[int], difficult: list[bool]) -> Scene:
    return Scene(
        id=name,
        number=name,
        path=Path(f"{name}.jpg"),
        size=(100, 50),
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int64),
        difficult=np.array(difficult, dtype=bool),
        crowd=np.zeros(len(labels), dtype=bool),
        categories=("cat", "dog"),
    )


@pytest.fixture
def scenes() -> SceneSet:
    small, medium, large = [0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 50.0, 10.0], [0.0, 0.0, 100.0, 50.0]
    return SceneSet(
        "own", "test", "voc", ("cat", "dog"),
        (
            scene("a", [small, medium, large], [0, 0, 1], [False, True, False]),
            scene("b", [], [], []),
        ),
    )  # fmt: skip


def test_by_object_size_a_pair_goes_by_the_mean_area_of_its_counted_objects(
    scenes: SceneSet,
) -> None:
    areas = mean_object_areas(scenes, Protocol(), ("b", "a"))
    np.testing.assert_allclose(areas, [[np.nan, np.nan], [(0.02 + 0.1) / 2, 1.0]])
    np.testing.assert_allclose(mean_object_areas(scenes, Protocol(non_difficult=True), ("a",)), [[0.02, 1.0]])
    true, predicted = np.array([[0.0, 0], [2, 1]]), np.array([[9.0, 9], [0, 1]])
    small, medium, large = errors_by_object_size(predicted, true, areas)
    assert (small.pairs, medium.pairs, large.pairs) == (0, 1, 1)
    assert (medium.bias, large.exact) == (-2.0, 1.0)


def test_an_image_that_the_scenes_lack_is_refused(scenes: SceneSet) -> None:
    with pytest.raises(DataError, match="own test has no image 'c'"):
        mean_object_areas(scenes, Protocol(), ("a", "c"))
