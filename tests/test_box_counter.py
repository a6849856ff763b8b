"""A detector as a calibrated counter: fitted on validation photos, kept in a file, used like any other counter."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shell import Shell

import counting
from counting.commands.sources import Fit, Split, counts_of, files_in
from counting.detection.counter_file import FORMAT, fit_box_counter, read_box_counter, write_box_counter
from counting.detection.detect import FIXED_THRESHOLD, fit_soft_count
from counting.detection.detections import Detections
from counting.detection.detectors.base import PhotoBoxes
from counting.stats.metrics import count_metrics
from counting.tables.count_table import CountTable
from counting_datasets.errors import CountingError, DataError

CATEGORIES = ("dog", "cat")
PHOTOS = 150


@pytest.fixture(scope="module")
def val() -> tuple[Detections, CountTable]:
    """A detector that finds half of the objects with a score below .5, and some that are not there."""
    random = np.random.default_rng(0)
    true = random.poisson([1.5, 0.3], size=(PHOTOS, 2))
    image, category, scores = [], [], []
    for row, counts in enumerate(true):
        for k, count in enumerate(counts):
            found = [*random.uniform(0.3, 0.7, count), *random.uniform(0.02, 0.25, random.poisson(0.5))]
            image += [row] * len(found)
            category += [k] * len(found)
            scores += found
    corners = random.uniform(0, 40, (len(scores), 2))
    detections = Detections(
        images=tuple(f"{row:03d}" for row in range(PHOTOS)),
        categories=CATEGORIES,
        image=np.array(image),
        category=np.array(category),
        boxes=np.hstack([corners, corners + 10]),
        scores=np.array(scores),
    )
    return detections, CountTable(detections.images, CATEGORIES, true.astype(float))


@pytest.fixture(scope="module")
def file(val: tuple[Detections, CountTable], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fitted") / "my+yolo.counter.json"
    write_box_counter(fit_box_counter(*val, fitted_on={"boxes": "boxes_val.json"}).counter, path)
    return path


@pytest.mark.parametrize("rule", ["soft", "threshold"])
def test_a_fitted_counter_is_better_than_a_fixed_threshold_on_photos_left_out(
    val: tuple[Detections, CountTable], rule: Any
) -> None:
    detections, truth = val
    fitted = fit_box_counter(detections, truth, rule)
    fixed = count_metrics(FIXED_THRESHOLD.counts(detections).counts, truth.counts, CATEGORIES).mRMSE
    assert count_metrics(fitted.held_out, truth.counts, CATEGORIES).mRMSE < fixed / 2
    table = fitted.counter.counts(detections)
    assert table.distribution is not None
    assert table.distribution.sum(axis=2) == pytest.approx(1, abs=1e-4)


def test_the_file_keeps_everything(val: tuple[Detections, CountTable], file: Path) -> None:
    detections, truth = val
    counter = read_box_counter(file)
    assert counter.fitted_on == {"boxes": "boxes_val.json"}
    assert counter.rule == "soft"
    assert counter.soft.weights == pytest.approx(fit_soft_count(detections, truth).weights)
    again = fit_box_counter(detections, truth).counter.counts(detections)
    kept = counter.counts(detections)
    assert kept.counts == pytest.approx(again.counts)
    assert kept.distribution == pytest.approx(again.distribution, abs=1e-6)
    with pytest.raises(DataError, match="other categories"):
        counter.counts(fixed_boxes(("cat", "dog")))


def fixed_boxes(categories: tuple[str, ...]) -> Detections:
    nothing = np.zeros(0, dtype=np.int64)
    return Detections(("a",), categories, nothing, nothing, np.zeros((0, 4)), np.zeros(0))


def test_too_few_photos_are_refused(val: tuple[Detections, CountTable]) -> None:
    detections, truth = val
    with pytest.raises(DataError, match="4 photos are too few"):
        fit_box_counter(detections.in_photos(np.arange(4)), truth.rows(range(4)))


class Finder:
    """Two dogs and a zebra in every photo."""

    categories = ("zebra", "dog", "cat")

    def detect(self, photo: Image.Image) -> PhotoBoxes:
        corners = np.array([[0, 0, 20, 20], [80, 40, 100, 60], [0, 0, 5, 5]], dtype=float)
        return PhotoBoxes(corners, np.array([0.65, 0.4, 0.9]), np.array([1, 1, 0]))


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch, file: Path) -> Any:
    monkeypatch.setattr("counting.predictor.detector_engine.find_detector", lambda *_: Finder())
    return counting.load(f"torchvision:stub+{file}")


def test_it_counts_with_intervals_and_points_as_any_counter(counter: Any) -> None:
    result = counter.count(Image.new("RGB", (100, 60)))
    assert counter.categories == result.categories == CATEGORIES
    assert result.counts == {"dog": 2}
    dog = result["dog"]
    assert dog.low <= 2 <= dog.high
    assert dog.probability > 0.9
    assert dog.distribution.sum() == pytest.approx(1, abs=1e-4)
    assert dog.points[:, :2].tolist() == [[10, 10], [90, 50]]
    assert dog.points[:, 2].sum() == pytest.approx(dog.expected)
    assert set(np.flatnonzero(result.cells[:, 0])) == {0, 8}
    assert {"interval", "probability", "distribution", "points"} <= result.to_dict()["rows"][0].keys()
    table = result.to_table()
    assert counter.distribution(table.counts) == pytest.approx(table.distribution)


def test_it_answers_questions_with_an_interval(counter: Any) -> None:
    answer = counter.ask(Image.new("RGB", (100, 60)), "how many dogs are there?")
    assert answer.count == 2
    assert answer.low <= 2 <= answer.high
    assert "no such category" in counter.ask(Image.new("RGB", (9, 9)), "how many zebras are there?").reason


def test_a_fitted_counter_alone_is_no_counter(file: Path) -> None:
    with pytest.raises(CountingError, match="follows its detector"):
        counting.load(str(file))


def test_a_detector_without_a_fitted_category_is_refused(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    only_dogs = SimpleNamespace(categories=("dog",))
    monkeypatch.setattr("counting.predictor.detector_engine.find_detector", lambda *_: only_dogs)
    with pytest.raises(CountingError, match="counts 'cat', which the detector does not find"):
        counting.load(f"torchvision:stub+{file}")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "everyday-counting-detector/9"}, "format"),
        ({"rule": "hard"}, "rule"),
        ({"categories": ["dog", "dog"]}, "listed twice"),
        ({"categories": ["dog"]}, "do not fit its 1 categories"),
        ({"thresholds": [0.5, "high"]}, r"thresholds\.1"),
        ({"soft_count": {"scores": [0.5], "weights": [[1], [1]]}}, "do not fit its 2"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_damaged_file_is_one_clear_line(file: Path, tmp_path: Path, change: dict[str, Any], says: str) -> None:
    damaged = tmp_path / "bad.counter.json"
    damaged.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(CountingError, match=says) as error:
        read_box_counter(damaged)
    assert "bad.counter.json" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 1}', "\udcff"])
def test_what_is_no_counter_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.counter.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(CountingError, match="not a counter of `counting fit`"):
        read_box_counter(path)
    with pytest.raises(CountingError, match="no such file"):
        read_box_counter(tmp_path / "none.counter.json")


def results(detections: Detections, path: Path) -> Path:
    """The boxes as a COCO results file."""
    boxes = detections.boxes.copy()
    boxes[:, 2:] -= boxes[:, :2]
    rows = [
        {"image_id": detections.images[i], "category_id": int(k) + 1, "bbox": box, "score": score}
        for i, k, box, score in zip(
            detections.image, detections.category, boxes.tolist(), detections.scores.tolist(), strict=True
        )
    ]
    path.write_text(json.dumps(rows))
    return path


def test_evaluate_counts_a_results_file_by_the_counter_that_follows_it(
    val: tuple[Detections, CountTable], file: Path, tmp_path: Path
) -> None:
    detections, truth = val
    boxes = results(detections, tmp_path / "boxes.json")
    split = Split(truth)
    fit = Fit(lambda: split, lambda: truth)
    what = f"{boxes}+{file}"
    assert files_in(f"{what}+{boxes}") == 2
    counts = counts_of(what, split, fit).table
    assert counts.counts == pytest.approx(read_box_counter(file).counts(detections).counts)
    assert counts.distribution is not None
    both = counts_of(f"{what}+{boxes}", split, fit).table.counts
    assert both == pytest.approx((counts.counts + FIXED_THRESHOLD.counts(detections).counts) / 2)
    for wrong in (str(file), f"always-0+{file}"):
        with pytest.raises(CountingError, match="follows its detector or a results file"):
            counts_of(wrong, split, fit)


def coco_data(root: Path, truth: CountTable) -> None:
    """The true counts as COCO annotations, with a box for each object, and photos."""
    photos = [
        {"id": n, "file_name": f"{name}.jpg", "width": 60, "height": 60} for n, name in enumerate(truth.images)
    ]
    objects = [
        {"image_id": n, "category_id": k + 1, "bbox": [5, 5, 20, 20], "area": 400, "iscrowd": 0}
        for n, counts in enumerate(truth.counts.astype(int))
        for k, count in enumerate(counts)
        for _ in range(count)
    ]
    numbered = [{"id": number, **one} for number, one in enumerate(objects, 1)]
    categories = [{"id": k, "name": name} for k, name in enumerate(truth.categories, 1)]
    (root / "annotations").mkdir(parents=True)
    content = {"images": photos, "annotations": numbered, "categories": categories}
    (root / "annotations" / "instances_val.json").write_text(json.dumps(content))


def test_the_command_fits_and_says_what_it_gained(val: tuple[Detections, CountTable], tmp_path: Path) -> None:
    detections, truth = val
    coco_data(tmp_path / "data", truth)
    results(detections, tmp_path / "boxes.json")
    shell = Shell(tmp_path)
    fit = ("fit", "boxes.json", "--data", "coco", "--root", "data")
    out, _ = shell(*fit, "--out", "yolo.counter.json", "--json")
    summary = json.loads(out)
    assert summary["images"] == PHOTOS
    assert summary["mRMSE"]["fitted"] < summary["mRMSE"]["plain"]
    kept = json.loads((tmp_path / "yolo.counter.json").read_text())
    assert kept["format"] == FORMAT
    assert kept["categories"] == list(CATEGORIES)
    assert kept["fitted_on"]["boxes"] == "boxes.json"
    assert "must end in .counter.json" in shell.refuses(*fit, "--out", "yolo.json")
    place = ("--data", "coco", "--root", "data", "--split", "val")
    out, _ = shell("evaluate", "boxes.json+yolo.counter.json", *place, "--json")
    assert json.loads(out)["mRMSE"] < summary["mRMSE"]["plain"]
    assert "none.counter.json: no such file" in shell.refuses("evaluate", "boxes.json+none.counter.json", *place)
