"""COCO results files: whose photos and categories their ids mean, and which rows are wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counting.detection.detections import Detections
from counting.detection.results_file import COCO_IDS, read_detections
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
    with pytest.raises(DataError, match=r"none of its photos is in the data to count, such as image_id '8'"):
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
    assert COCO_IDS["90"] == "toothbrush"
    with pytest.raises(DataError, match="row 2: unknown category_id 12"):
        read(tmp_path, row(), row(category_id=12), truth=truth)


def test_ids_that_are_given_come_before_a_guess(tmp_path: Path) -> None:
    assert read(tmp_path, row(category_id=1), category_ids=COCO_IDS).category.tolist() == [PERSON]
    assert read(tmp_path, row(category_id=0), category_ids={"0": "Couch"}).category.tolist() == [SOFA]


OWN_IDS: list[dict[str, str]] = [
    {"0": "fruit", "1": "apple", "2": "pear"},
    {"1": "apple", "3": "pear"},
    {"5": "apple", "6": "pear"},
    {"2": "apple", "1": "pear"},
    {"63": "apple", "64": "pear"},
    {"17": "apple", "900": "pear", "-1": "fruit"},
]


@pytest.mark.parametrize("ids", OWN_IDS)
def test_the_annotation_files_ids_decide_always(ids: dict[str, str], tmp_path: Path) -> None:
    truth = replace(photos("000005", "000007", categories=("apple", "pear")), category_ids=ids)
    number = {name: int(own) for own, name in ids.items()}
    rows = [row(category_id=number[name]) for name in ("pear", "apple", "pear", *({"fruit"} & number.keys()))]
    assert read(tmp_path, *rows, truth=truth).category.tolist() == [1, 0, 1]
    assert read(tmp_path, *rows, truth=truth, category_ids=COCO_IDS).category.tolist() == [1, 0, 1]
    with pytest.raises(DataError, match="row 1: unknown category_id 4"):
        read(tmp_path, row(category_id=4), truth=truth)


def test_a_whole_number_is_the_annotation_files_photo_whatever_the_files_are_called(tmp_path: Path) -> None:
    truth = photos("1", "2", numbers=("2", "1"))
    assert read(tmp_path, row(image_id=1), row(image_id=2), truth=truth).image.tolist() == [1, 0]
    assert read(tmp_path, row(image_id="1"), row(image_id="2.jpg"), truth=truth).image.tolist() == [0, 1]


# What programs write in place of the plain thing


@pytest.mark.parametrize(
    "changes",
    [
        {"image_id": 5.0},
        {"image_id": "5"},
        {"image_id": "000005.jpg"},
        {"image_id": "images/000005.jpg"},
        {"category_id": 15.0},
        {"category_id": "15"},
    ],
)
def test_ids_may_be_floats_or_text(changes: dict[str, Any], tmp_path: Path) -> None:
    found = read(tmp_path, row(**changes))
    assert (found.image.tolist(), found.category.tolist()) == ([0], [PERSON])


def test_rounding_beyond_the_ends_is_clipped(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        row(score=1.0000001192092896),
        row(score=-1e-7),
        row(bbox=[1, 2, -1e-7, 4]),
        row(bbox=[1, 2, 3, -0.0]),
    )
    assert found.scores.tolist() == [1, 0, 0.5, 0.5]
    assert found.boxes[2:].tolist() == [[1, 2, 1, 6], [1, 2, 4, 2]]


def test_a_results_file_in_utf_16_is_read(tmp_path: Path) -> None:
    """As PowerShell redirects a program's output."""
    (tmp_path / "boxes.json").write_text(json.dumps([row()]), encoding="utf-16")
    assert len(read_detections(tmp_path / "boxes.json", photos("000005"))) == 1


# What is wrong with it


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([1], "not an object"),
        ({key: value for key, value in row().items() if key != "score"}, "missing key 'score'"),
        (row(image_id=None), "image_id is None"),
        (row(image_id=True), "image_id is True"),
        (row(image_id=[5]), r"image_id is \[5\]"),
        (row(category_id=1.5), "category_id is 1.5, not a whole number"),
        (row(category_id=None), "category_id is None"),
        (row(category_id=True), "category_id is True"),
        (row(category_id=2**70), "unknown category_id"),
        (row(image_id=5.5), "image_id is 5.5"),
        (row(image_id=float("nan")), "image_id is nan"),
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
        (row(score=1.01), "score 1.01 is not from 0 to 1"),
        (row(score=-0.1), "not from 0 to 1"),
        (row(score=float("nan")), "score nan is not from 0 to 1"),
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


def test_every_box_of_a_large_file_is_read(data_root: Path) -> None:
    scenes = load("voc2007", "test", Place(data_root / "VOCdevkit" / "VOC2007"))
    truth = CountTable.from_scenes(scenes, Protocol())
    found = read_detections(data_root / "detections" / "voc2007_test_yolo_fastest_xl.json", truth)
    assert (len(found), found.skipped, len(np.unique(found.image))) == (103_490, 0, 4_940)
