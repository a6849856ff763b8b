"""COCO results files: joined to the photos, named in the right vocabulary, wrong rows named by their number."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counting.detection.detections import COCO_VOCABULARY, Detections, read_detections
from counting.tables.count_table import CountTable
from counting_datasets.catalog import Place, load
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol

PERSON, SOFA, PLANT, SCREEN = (
    VOC_CATEGORIES.index(name) for name in ("person", "sofa", "pottedplant", "tvmonitor")
)


def photos(
    *images: str, categories: tuple[str, ...] = VOC_CATEGORIES, numbers: tuple[str, ...] | None = None
) -> CountTable:
    return CountTable(images, categories, np.zeros((len(images), len(categories))), numbers=numbers)


def row(**changes: Any) -> dict[str, Any]:
    return {"image_id": 5, "category_id": 15, "bbox": [10.0, 20.0, 30.0, 40.0], "score": 0.5} | changes


def read(folder: Path, *rows: Any, truth: CountTable | None = None, **options: Any) -> Detections:
    path = folder / "boxes.json"
    path.write_text(json.dumps(rows))
    return read_detections(path, truth or photos("000005", "000007"), **options)


# What a file says


def test_a_box_has_corners_a_category_and_a_photo(tmp_path: Path) -> None:
    found = read(tmp_path, row(), row(image_id=7, category_id=1, score=1))
    assert found.boxes[0].tolist() == [10, 20, 40, 60]
    assert found.category.tolist() == [PERSON, 0]
    assert found.image.tolist() == [0, 1]
    assert found.scores.tolist() == [0.5, 1]


@pytest.mark.parametrize("name", [5, "5", "000005"])
def test_a_photo_goes_by_its_stem_or_the_number_in_it(name: Any, tmp_path: Path) -> None:
    assert read(tmp_path, row(image_id=name)).image.tolist() == [0]


def test_a_photo_goes_by_the_number_its_data_set_gives_it(tmp_path: Path) -> None:
    truth = photos("COCO_val2014_000000000042", numbers=("42",))
    assert read(tmp_path, row(image_id=42), truth=truth).image.tolist() == [0]


def test_boxes_of_other_photos_are_skipped_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, row(image_id=8), row(), row(image_id=9))
    assert (len(found), found.skipped) == (1, 2)
    with pytest.raises(DataError, match=r"none of its photos, such as image_id '8'"):
        read(tmp_path, row(image_id=8))


def test_a_photo_without_boxes_counts_nothing(tmp_path: Path) -> None:
    for found in (read(tmp_path), read(tmp_path, row()).in_photos(np.array([1]))):
        assert not found.totals(np.ones(len(found))).counts.any()


# Which categories its ids mean


def test_a_coco_detector_on_voc_is_matched_by_name_and_other_kinds_left_out(tmp_path: Path) -> None:
    """COCO: 1 person, 3 car, 63 couch, 64 potted plant, 72 tv, 90 toothbrush."""
    found = read(tmp_path, *(row(category_id=number) for number in (1, 63, 64, 72, 90)))
    assert found.category.tolist() == [PERSON, SOFA, PLANT, SCREEN]


def test_coco_itself_goes_by_coco_ids_even_if_all_are_small(tmp_path: Path) -> None:
    truth = photos("000005", categories=COCO_CATEGORIES)
    assert read(tmp_path, row(category_id=13), truth=truth).category.tolist() == [
        COCO_CATEGORIES.index("stop sign")
    ]
    assert dict(COCO_VOCABULARY)[90] == "toothbrush"
    with pytest.raises(DataError, match="row 2: unknown category_id 12"):
        read(tmp_path, row(), row(category_id=12), truth=truth)


def test_a_vocabulary_overrules_the_guess(tmp_path: Path) -> None:
    assert read(tmp_path, row(category_id=1), vocabulary=COCO_VOCABULARY).category.tolist() == [PERSON]
    assert read(tmp_path, row(category_id=0), vocabulary=[(0, "Couch")]).category.tolist() == [SOFA]


# What is wrong with it


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([1], "not an object"),
        ({key: value for key, value in row().items() if key != "score"}, "lacks 'score'"),
        (row(image_id=None), "image_id is None"),
        (row(image_id=True), "image_id is True"),
        (row(image_id=[5]), r"image_id is \[5\]"),
        (row(category_id=1.0), "category_id is 1.0"),
        (row(category_id=2**70), "not a whole number"),
        (row(category_id=0), "unknown category_id 0"),
        (row(category_id=12345), "unknown category_id 12345"),
        (row(bbox=[]), "not four numbers"),
        (row(bbox=[1, 2, 3]), "not four numbers"),
        (row(bbox=[1, 2, 3, "4"]), "not four numbers"),
        (row(bbox=[[1], [2], [3], [4]]), "not four numbers"),
        (row(bbox=None), "not four numbers"),
        (row(bbox=[0, 0, -1, 5]), "negative width or height"),
        (row(bbox=[0, 0, float("nan"), 5]), "not finite"),
        (row(bbox=[0, 0, float("inf"), 5]), "not finite"),
        (row(score="0.5"), "score is '0.5', not a number"),
        (row(score=None), "score is None"),
        (row(score=1.01), "score 1.01 is not between 0 and 1"),
        (row(score=-0.1), "not between"),
        (row(score=float("nan")), "score nan is not between"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named_by_its_number_in_one_line(wrong: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"boxes.json: row 2: .*{message}") as error:
        read(tmp_path, row(), wrong, row())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{}", "null", '"boxes"', "[{", "[" * 100_000, "\0", '{"annotations": []}'])
def test_what_is_no_list_of_boxes_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"boxes\.json") as error:
        read_detections(path, photos("000005"))
    assert "\n" not in str(error.value)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.json").write_bytes(b"\xff\xd8\xff\xe0")
    for name in ("none.json", "photo.json", "."):
        with pytest.raises(DataError):
            read_detections(tmp_path / name, photos("000005"))


# What is done with it


def test_a_hundred_thousand_boxes_are_read_in_less_than_a_second(data_root: Path) -> None:
    scenes = load("voc2007", "test", Place(data_root / "VOCdevkit" / "VOC2007"))
    truth = CountTable.from_scenes(scenes, Protocol())
    start = time.process_time()
    found = read_detections(data_root / "detections" / "voc2007_test_yolo_fastest_xl.json", truth)
    assert time.process_time() - start < 1
    assert (len(found), found.skipped, len(np.unique(found.image))) == (103_490, 0, 4_940)
