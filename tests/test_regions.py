"""Counts in regions: what a file of regions may look like, and how a photo's counts are divided among regions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import CATEGORIES, tiny_config

from counting.cli import main
from counting.inputs.photo_sources import PhotoSource
from counting.networks.checkpoint import build, save
from counting.networks.locating import scaled_to
from counting.predictor.count_result import CountResult
from counting.predictor.regions import contains, read_regions
from counting.stats.best_guess import best_guesses
from counting.stats.count_distribution import Calibration
from counting.stats.parts import in_part
from counting_datasets.errors import CountingError

SIZE = (640, 480)
CALIBRATION = Calibration(torch.tensor([[0.0, 1.0, 0.5, 0.0, 1.0, 0.0]]).repeat(2, 1), 20)
LEFT = [[0, 0], [320, 0], [320, 480], [0, 480]]
RIGHT = [[320, 0], [640, 0], [640, 480], [320, 480]]


def result(*, located: bool = True, calibrated: bool = True, seed: int = 0) -> CountResult:
    """A photo with random counts of two categories at random places."""
    random = np.random.default_rng(seed)
    cells = random.gamma(0.5, 1.2, size=(9, 2)).astype(np.float32)
    raw = cells.sum(axis=0, dtype=np.float64)
    distribution = CALIBRATION.distribution(raw) if calibrated else None
    guesses = best_guesses(raw, distribution)
    points = tuple(
        scaled_to(guess.expected, np.column_stack([random.random((7, 2)) * SIZE, np.linspace(1, 0.1, 7)]))
        for guess in guesses
    )
    return CountResult(
        path=None,
        size=SIZE,
        categories=CATEGORIES,
        cells=cells,
        _guesses=guesses,
        _distribution=distribution,
        _points=points if located else None,
        _source=PhotoSource(None),
    )


def triangles(corners: int = 9) -> list[Any]:
    """The photo divided into triangles around an inner point, whose sides no two share alike."""
    around = [[0, 0], [211, 0], [640, 0], [640, 133.3], [640, 480], [401.7, 480], [95.1, 480], [0, 480], [0, 77]]
    return [[[253.1, 197.7], around[k], around[(k + 1) % corners]] for k in range(corners)]


@pytest.mark.parametrize("located", [True, False])
@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_the_counts_of_parts_sum_to_the_photos(located: bool, calibrated: bool, seed: int) -> None:
    photo = result(located=located, calibrated=calibrated, seed=seed)
    for partition in ([LEFT, RIGHT], triangles()):
        parts = photo.in_regions(partition)
        for category in CATEGORIES:
            assert sum(part[category].count for part in parts) == photo[category].count
            assert sum(part[category].expected for part in parts) == pytest.approx(photo[category].expected)
            assert sum(part.counts.get(category, 0) for part in parts) == photo.counts.get(category, 0)


def test_the_whole_photo_as_a_region_has_the_photos_counts_and_intervals() -> None:
    photo = result()
    (whole,) = photo.in_regions([[0, 0], [640, 0], [640, 480], [0, 480]])
    assert whole.counts == photo.counts
    for category in CATEGORIES:
        here, there = whole[category], photo[category]
        assert (here.count, here.low, here.high) == (there.count, there.low, there.high)
        assert here.distribution == pytest.approx(there.distribution, abs=1e-6)
        assert here.points == pytest.approx(there.points)


def test_the_points_of_a_region_are_in_it_and_sum_to_its_expected_count() -> None:
    for part in result().in_regions({"left": LEFT, "right": RIGHT}):
        for one in part:
            assert one.points is not None
            assert contains(part.polygon, one.points[:, :2]).all()
            assert one.points[:, 2].sum() == pytest.approx(one.expected)
            assert one.distribution is not None
            assert one.distribution @ np.arange(21) == pytest.approx(one.expected, abs=1e-5)


def test_objects_that_are_surely_located_leave_no_doubt_about_a_region() -> None:
    two = np.eye(21)[2]
    part = in_part(two, np.array([0.98]), np.array([0.98]))
    assert part.argmax() == 1
    assert part[1] > 0.99
    unsure = in_part(two, np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    assert unsure[0] == pytest.approx(unsure[2])
    assert unsure[0] > 0.1


def test_objects_beyond_the_located_ones_are_divided_by_weight() -> None:
    part = in_part(np.eye(21)[10], np.array([1.0]), np.array([3.0]))
    assert part @ np.arange(21) == pytest.approx(1 + 8 / 4)


def test_a_side_that_two_regions_share_belongs_to_one_of_them() -> None:
    a, b = [0.0, 0.0], [300.0, 100.0]
    points = np.linspace(a, b, 32)[1:-1]
    below, above = np.array([a, b, [0, 300]]), np.array([b, a, [300, -300]])
    assert (contains(below, points) ^ contains(above, points)).all()


def labelme(*shapes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": "5.4.1", "shapes": list(shapes), "imagePath": "a.jpg", **more}


def shape(label: str, points: Any, kind: str = "polygon") -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None}


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (LEFT, ["region 1"]),
        ([LEFT, RIGHT], ["region 1", "region 2"]),
        ({"left": LEFT, "right": RIGHT}, ["left", "right"]),
        (labelme(shape("pool", LEFT), shape("pool", RIGHT)), ["pool", "pool 2"]),
        (labelme(shape("lawn", [[0, 0], [320, 480]], "rectangle")), ["lawn"]),
        (labelme({"label": "", "points": LEFT}), ["region 1"]),
    ],
)
def test_files_of_supervision_and_labelme_are_read(content: Any, names: list[str], tmp_path: Path) -> None:
    file = tmp_path / "regions.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    for source in (file, str(file), content):
        regions = read_regions(source)
        assert [region.name for region in regions] == names
        assert regions[0].polygon.tolist() == LEFT
    assert read_regions([np.array(LEFT), np.array(RIGHT)])[1].polygon.tolist() == RIGHT


def test_regions_drawn_on_a_photo_of_another_size_are_scaled_to_this_one() -> None:
    drawn = labelme(shape("left", [[0, 0], [50, 0], [50, 100], [0, 100]]), imageWidth=100, imageHeight=100)
    (part,) = result().in_regions(drawn)
    assert part.polygon.tolist() == LEFT


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "no regions"),
        ({}, "no regions"),
        (7, "no regions"),
        ("no such file.json", "no such file"),
        ("", "empty path"),
        ([[0, 0], [1, 1]], "at least three corners"),
        ([[0, 0], [1, 1], [2, 2]], "on one line"),
        ([[5, 5]] * 4, "on one line"),
        ([[0, 0], [1, 0], [1, float("nan")]], "two numbers"),
        ([[0, 0], [1, 0], [1, 10**400]], "two numbers"),
        ([[0, 0], [1, 0], [True, 1]], "two numbers"),
        ({"pool": [[0, 0], [1, 0], ["1", 1]]}, "pool: a polygon"),
        (labelme(), "at least one shape"),
        ({"shapes": 3}, "at least one shape"),
        (labelme(shape("a", [[0, 0], [9, 9]], "line")), "shape 1 is a line"),
        (labelme(shape("a", [[0, 0], [9]], "rectangle")), "two numbers"),
        ({"shapes": ["pool"]}, "shape 1 is str"),
    ],
)
def test_what_is_no_region_is_refused_in_one_line(content: Any, says: str) -> None:
    with pytest.raises(CountingError, match=says) as refused:
        read_regions(content)
    assert "\n" not in str(refused.value)


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """A calibrated counter that does not locate, not trained."""
    config = tiny_config(tmp_path)
    torch.manual_seed(1)
    path = tmp_path / "counter.safetensors"
    save(build(config, CATEGORIES), config, path, calibration=CALIBRATION)
    return path


def test_predict_counts_in_regions(counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", SIZE, "red").save(tmp_path / "photo.png")
    regions = tmp_path / "regions.json"
    regions.write_text(json.dumps({"left side": LEFT, "right side": RIGHT}), encoding="utf-8")
    words = ["predict", str(tmp_path / "photo.png"), "--counter", str(counter), "--region", str(regions)]
    assert main([*words, "--out", str(tmp_path / "counts.json"), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows == json.loads((tmp_path / "counts.json").read_text(encoding="utf-8"))
    for row in rows:
        assert [part["region"] for part in row["regions"]] == ["left side", "right side"]
        assert sum(part["count"] for part in row["regions"]) == row["count"]
        assert all(part["interval"]["low"] <= part["interval"]["high"] for part in row["regions"])
    assert main(words) == 0
    assert "  left side" in capsys.readouterr().out
    assert main([*words, "--out", str(tmp_path / "counts.csv")]) == 2
    assert "need a .json file" in capsys.readouterr().err
    regions.write_text("[[0, 0]]", encoding="utf-8")
    assert main(words) == 2
    assert "at least three corners" in capsys.readouterr().err
