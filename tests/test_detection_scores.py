"""How good boxes are: matched as in PASCAL VOC, figures by hand, intervals over photos, COCO's AP."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from counting.detection.average_precision import average_precision
from counting.detection.detections import Detections
from counting.detection.matching import (
    FALSE,
    IGNORED,
    TRUE,
    DetectionScores,
    Objects,
    compare_detections,
    detection_scores,
    f1_thresholds,
    match,
)
from counting_datasets.errors import DataError
from counting_datasets.scene import Scene

A, B = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)
NEAR_A, FAR = (0.0, 1.0, 10.0, 11.0), (50.0, 50.0, 60.0, 60.0)
Box = tuple[float, float, float, float]


def scene(
    name: str, *boxes: tuple[int, Box], difficult: tuple[int, ...] = (), crowd: tuple[int, ...] = ()
) -> Scene:
    places = np.arange(len(boxes))
    return Scene(
        id=name,
        number=name,
        path=Path(f"{name}.jpg"),
        size=(100, 100),
        boxes=np.array([box for _, box in boxes], dtype=np.float64).reshape(-1, 4),
        labels=np.array([label for label, _ in boxes], dtype=np.int64),
        difficult=np.isin(places, difficult),
        crowd=np.isin(places, crowd),
        categories=("cat", "dog"),
    )


def found(scenes: list[Scene], *boxes: tuple[int, int, Box, float]) -> Detections:
    """(photo, category, corners, score) each."""
    image, category, corners, scores = zip(*boxes, strict=True) if boxes else ((), (), (), ())
    return Detections(
        images=tuple(one.id for one in scenes),
        categories=("cat", "dog"),
        image=np.array(image, dtype=np.int64),
        category=np.array(category, dtype=np.int64),
        boxes=np.array(corners, dtype=np.float64).reshape(-1, 4),
        scores=np.array(scores, dtype=np.float64),
    )


def labels(scenes: list[Scene], *boxes: tuple[int, int, Box, float]) -> list[int]:
    return match(found(scenes, *boxes), Objects.of(scenes, 2)).tolist()


def test_a_box_is_true_once_and_the_surest_is_first() -> None:
    scenes = [scene("1", (0, A), (0, B))]
    boxes = [(0, 0, NEAR_A, 0.3), (0, 0, A, 0.2), (0, 0, B, 0.9), (0, 0, FAR, 0.99)]
    assert labels(scenes, *boxes) == [TRUE, FALSE, TRUE, FALSE]


def test_a_box_is_true_of_its_own_photo_and_category_alone() -> None:
    scenes = [scene("1", (0, A)), scene("2", (1, B))]
    assert labels(scenes, (0, 1, A, 0.9), (1, 0, A, 0.9), (1, 1, B, 0.1)) == [FALSE, FALSE, TRUE]


def test_a_box_takes_what_it_overlaps_most_of_what_is_left() -> None:
    scenes = [scene("1", (0, A), (0, NEAR_A))]
    assert labels(scenes, (0, 0, A, 0.9), (0, 0, A, 0.8), (0, 0, A, 0.7)) == [TRUE, TRUE, FALSE]


@pytest.mark.parametrize(("height", "label"), [(5.0, TRUE), (4.99, FALSE)])
def test_half_of_the_union_is_enough(height: float, label: int) -> None:
    assert labels([scene("1", (0, A))], (0, 0, (0.0, 0.0, 10.0, height), 0.5)) == [label]


def test_difficult_objects_and_crowds_neither_help_nor_hurt() -> None:
    scenes = [scene("1", (0, A), (0, B), difficult=(0,)), scene("2", (1, A), crowd=(0,))]
    boxes = [(0, 0, A, 0.9), (0, 0, NEAR_A, 0.8), (0, 0, B, 0.7), (1, 1, A, 0.6)]
    assert labels(scenes, *boxes) == [IGNORED, IGNORED, TRUE, IGNORED]
    assert Objects.of(scenes, 2).totals().tolist() == [[1, 0], [0, 0]]


def test_an_ordinary_object_comes_before_a_difficult_one() -> None:
    scenes = [scene("1", (0, A), (0, NEAR_A), difficult=(0,))]
    assert labels(scenes, (0, 0, A, 0.9), (0, 0, A, 0.8)) == [TRUE, IGNORED]


def test_boxes_without_area_are_false() -> None:
    scenes = [scene("1", (0, (3.0, 3.0, 3.0, 3.0)))]
    assert labels(scenes, (0, 0, (3.0, 3.0, 3.0, 3.0), 0.9)) == [FALSE]


def test_figures_by_hand() -> None:
    """Cat: 2 true, 1 false, of 4; dog: 1 true of 1. A photo without boxes has found nothing."""
    scenes = [scene("1", (0, A), (0, B), (1, A)), scene("2", (0, A), (0, B))]
    boxes = [(0, 0, A, 0.9), (0, 0, B, 0.8), (0, 0, FAR, 0.7), (0, 1, A, 0.6)]
    scores = detection_scores(found(scenes, *boxes), Objects.of(scenes, 2))
    assert scores.by_category["precision"].tolist() == pytest.approx([2 / 3, 1])
    assert scores.by_category["recall"].tolist() == pytest.approx([1 / 2, 1])
    assert scores.by_category["F1"].tolist() == pytest.approx([4 / 7, 1])
    assert scores.means["F1"] == pytest.approx((4 / 7 + 1) / 2)


def test_a_category_that_never_occurs_is_passed_over() -> None:
    scenes = [scene("1", (0, A))]
    scores = detection_scores(found(scenes, (0, 0, A, 0.9), (0, 1, A, 0.9)), Objects.of(scenes, 2))
    assert scores.means == {"F1": 1.0, "precision": 1.0, "recall": 1.0}


def test_nothing_found_is_no_error() -> None:
    scenes = [scene("1", (0, A))]
    scores = detection_scores(found(scenes), Objects.of(scenes, 2))
    assert scores.means["F1"] == 0
    assert np.isnan(scores.means["precision"])
    assert average_precision(found(scenes), np.zeros(0), scenes) == (0.0, 0.0)
    nothing = average_precision(found([scene("1")], (0, 0, A, 0.9)), np.array([0.9]), [scene("1")])
    assert np.isnan(nothing).all()


def test_boxes_of_other_photos_are_refused() -> None:
    with pytest.raises(DataError, match="have different photos"):
        match(found([scene("1")]), Objects.of([scene("1"), scene("2")], 2))


@pytest.mark.parametrize("seed", range(5))
def test_thresholds_have_the_greatest_f1_of_all_hundredths(seed: int) -> None:
    random = np.random.default_rng(seed)
    scenes = [scene(str(photo), (0, A), (1, B)) for photo in range(30)]
    boxes = [
        (photo, category, [A, B][category] if random.uniform() < score else FAR, score)
        for photo in range(30)
        for category in (0, 1)
        for score in random.uniform(size=3).tolist()
    ]
    detections, objects = found(scenes, *boxes), Objects.of(scenes, 2)
    fitted = f1_thresholds(detections, detections.scores, match(detections, objects), objects)

    def f1(thresholds: np.ndarray) -> np.ndarray:
        kept = detections.where(detections.scores >= thresholds[detections.category])
        return detection_scores(kept, objects).by_category["F1"]

    best = np.max([f1(np.array([step, step])) for step in np.arange(1, 100) / 100], axis=0)
    assert f1(fitted) == pytest.approx(best)


def random_scores(seed: int, true_share: float) -> DetectionScores:
    random = np.random.default_rng(seed)
    objects = np.random.default_rng(0).integers(0, 3, size=(200, 4)).astype(np.float64)
    true = random.binomial(objects.astype(int), true_share).astype(np.float64)
    return DetectionScores(true, random.poisson(0.3, size=true.shape).astype(np.float64), objects)


def test_a_paired_interval_tells_a_better_detector_from_one_alike() -> None:
    good, alike, poor = random_scores(1, 0.8), random_scores(2, 0.8), random_scores(3, 0.6)
    better = compare_detections(good, poor)["F1"]
    assert better.difference == pytest.approx(good.means["F1"] - poor.means["F1"])
    assert 0 < better.interval.low < better.difference < better.interval.high
    assert not compare_detections(good, alike)["F1"].significant
    same = compare_detections(good, good)["recall"]
    assert (same.difference, same.interval.low, same.interval.high) == (0, 0, 0)


def test_any_number_of_boxes_on_a_difficult_object_or_a_crowd_is_ignored() -> None:
    """Neither the first nor the second box on it, both of a high score, is held against the detector."""
    for flag in ("difficult", "crowd"):
        scenes = [scene("1", (0, A), (0, B), **{flag: (1,)})]
        boxes = found(scenes, (0, 0, B, 0.99), (0, 0, B, 0.98), (0, 0, A, 0.5))
        assert match(boxes, Objects.of(scenes, 2)).tolist() == [IGNORED, IGNORED, TRUE]
        assert detection_scores(boxes, Objects.of(scenes, 2)).means["F1"] == 1
        assert average_precision(boxes, boxes.scores, scenes) == pytest.approx((1, 1))


def test_a_box_is_in_a_crowd_by_its_own_area_and_on_a_difficult_object_by_iou() -> None:
    """A small box in a large one: the IoU is a ninth, but all of the box lies in it."""
    large, small = (0.0, 0.0, 30.0, 30.0), (10.0, 10.0, 20.0, 20.0)
    in_crowd = [scene("1", (0, large), (0, FAR), crowd=(0,))]
    on_difficult = [scene("1", (0, large), (0, FAR), difficult=(0,))]
    boxes = found(in_crowd, (0, 0, small, 0.9), (0, 0, FAR, 0.8))
    assert labels(in_crowd, (0, 0, small, 0.9), (0, 0, FAR, 0.8)) == [IGNORED, TRUE]
    assert labels(on_difficult, (0, 0, small, 0.9), (0, 0, FAR, 0.8)) == [FALSE, TRUE]
    assert labels(in_crowd, (0, 0, (25.0, 0.0, 40.0, 10.0), 0.9)) == [FALSE]  # only a third of it
    assert average_precision(boxes, boxes.scores, in_crowd) == pytest.approx((1, 1))
    assert average_precision(boxes, boxes.scores, on_difficult)[1] == pytest.approx(0.5)


def by_pycocotools(detections: Detections, scenes: list[Scene]) -> tuple[float, float]:
    """COCO's own evaluation, without difficult objects."""
    truth = COCO()
    rows = [
        {
            "image_id": image,
            "category_id": int(label),
            "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()],
            "area": float((box[2:] - box[:2]).prod()),
            "iscrowd": int(crowd),
        }
        for image, scene in enumerate(scenes)
        for box, label, crowd in zip(scene.boxes, scene.labels, scene.crowd, strict=True)
    ]
    truth.dataset = {
        "images": [{"id": image} for image in range(len(scenes))],
        "categories": [{"id": number, "name": name} for number, name in enumerate(detections.categories)],
        "annotations": [{"id": number, **row} for number, row in enumerate(rows, 1)],
    }
    corners = np.hstack([detections.boxes[:, :2], detections.boxes[:, 2:] - detections.boxes[:, :2]]).tolist()
    columns = zip(detections.image.tolist(), detections.category.tolist(), corners, detections.scores, strict=True)
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        results = [{"image_id": i, "category_id": k, "bbox": box, "score": float(s)} for i, k, box, s in columns]
        scoring = COCOeval(truth, truth.loadRes(results), "bbox")
        scoring.evaluate()
        scoring.accumulate()
        scoring.summarize()
    return float(scoring.stats[0]), float(scoring.stats[1])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    random = np.random.default_rng(seed)

    def boxes(count: int) -> list[tuple[int, Box]]:
        corners = random.uniform(0, 60, size=(count, 2))
        sides = random.uniform(5, 30, size=(count, 2))
        return [(int(random.integers(2)), tuple(row)) for row in np.hstack([corners, corners + sides]).tolist()]

    scenes = [scene(str(photo), *boxes(6), crowd=(0,)) for photo in range(5)]
    near = [
        (photo, int(label), tuple((box + random.normal(0, 2, size=4)).tolist()), float(random.uniform()))
        for photo, one in enumerate(scenes)
        for box, label in zip(one.boxes, one.labels, strict=True)
        if random.uniform() < 0.8
    ]
    far = [
        (photo, *thing, float(random.uniform()))
        for photo in range(5)
        for thing in boxes(int(random.integers(120)) if photo == 0 else 4)
    ]
    detections = found(scenes, *near, *far)
    expected = by_pycocotools(detections, scenes)
    assert average_precision(detections, detections.scores, scenes) == pytest.approx(expected, abs=1e-12)


def test_average_precision_is_cocos_and_leaves_difficult_objects_out() -> None:
    scenes = [scene("1", (0, A), (0, B), difficult=(1,)), scene("2", (1, A))]
    perfect = found(scenes, (0, 0, A, 0.9), (0, 0, B, 0.95), (1, 1, A, 0.5))
    assert average_precision(perfect, perfect.scores, scenes) == pytest.approx((1, 1))
    shifted = found(scenes, (0, 0, NEAR_A, 0.9), (1, 1, A, 0.5), (0, 1, A, 0.7))
    ap, ap50 = average_precision(shifted, shifted.scores, scenes)
    assert ap50 == pytest.approx((1 + 0.5) / 2, abs=0.01)
    assert ap == pytest.approx((0.7 + 0.5) / 2, abs=0.01)  # an IoU of 9/11 is enough up to .80
    assert average_precision(shifted, np.array([0.9, 0.8, 0.7]), scenes)[1] == pytest.approx(1)
