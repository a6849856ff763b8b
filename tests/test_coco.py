"""COCO's layout: every image, box, crowd and mask of the file, or one line that says what is wrong with it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from counting_datasets.catalog import in_categories
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.coco import load_coco
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")

ALL = Protocol()
TRIANGLE = [[1, 1, 5, 1, 5, 5]]
INSTANCES: dict[str, Any] = {
    "images": [
        {"id": 30, "file_name": "b.jpg", "width": 10, "height": 8},
        {"id": 4, "file_name": "old/c.png", "width": 20, "height": 20},
        {"id": 5, "file_name": "a.jpg", "width": 10, "height": 8},
    ],
    "annotations": [
        {"id": 1, "image_id": 30, "category_id": 9, "bbox": [1, 2, 3, 4.5], "segmentation": TRIANGLE},
        {"id": 2, "image_id": 30, "category_id": 2, "bbox": [8, 7, 5, 5], "segmentation": TRIANGLE, "iscrowd": 1},
        {"id": 3, "image_id": 4, "category_id": 2, "bbox": [0, 0, 20, 20], "segmentation": []},
    ],
    "categories": [{"id": 9, "name": "dog"}, {"id": 2, "name": "apple"}],
}


def instances(tmp_path: Path, content: Any = INSTANCES) -> Path:
    path = tmp_path / "instances_train.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def read(tmp_path: Path, content: Any = INSTANCES) -> SceneSet:
    return load_coco(instances(tmp_path, content), tmp_path / "photos", split="train")


@pytest.fixture(scope="module")
def file(data_root: Path) -> Path:
    return data_root / "coco" / "annotations" / "instances_train2017_subset.json"


@pytest.fixture(scope="module")
def subset(data_root: Path, file: Path) -> SceneSet:
    return load_coco(file, data_root / "coco" / "images" / "train2017", split="train2017_subset")


class TestReal:
    """337 images of COCO train2017."""

    def test_every_image_box_and_crowd(self, subset: SceneSet) -> None:
        assert len(subset) == 337
        assert sum(len(scene.boxes) for scene in subset) == 2828
        assert sum(scene.crowd.sum() for scene in subset) == 18
        assert subset.categories == COCO_CATEGORIES
        assert [scene.id for scene in subset] == sorted(scene.id for scene in subset)

    def test_counts_are_those_of_the_file(self, subset: SceneSet, file: Path) -> None:
        rows = json.loads(file.read_text())
        names = {row["id"]: row["name"] for row in rows["categories"]}
        counts = {str(row["id"]): dict.fromkeys(names.values(), 0) for row in rows["images"]}
        for row in rows["annotations"]:
            counts[str(row["image_id"])][names[row["category_id"]]] += 1
        for scene in subset:
            assert dict(zip(subset.categories, scene.counts(ALL), strict=True)) == counts[scene.number]

    def test_crowds_are_left_out_under_no_crowd(self, subset: SceneSet) -> None:
        assert subset.counts(Protocol(no_crowd=True)).sum() == 2828 - 18

    def test_masks_are_those_of_pycocotools(self, subset: SceneSet, file: Path) -> None:
        coco = COCO(file)
        masked = [scene for scene in subset if scene.masks and len(scene.boxes)]
        assert sum(len(scene.boxes) for scene in masked) > 1000
        assert any(scene.crowd.any() for scene in masked)
        for scene in masked[:60]:
            assert scene.masks is not None
            theirs = [coco.annToMask(row) for row in coco.imgToAnns[int(scene.number)]]
            for mine, their in zip(scene.masks(), theirs, strict=True):
                np.testing.assert_array_equal(mine, their.astype(bool))

    def test_photos_have_the_annotated_size(self, subset: SceneSet) -> None:
        for scene in subset[::40]:
            assert scene.image().size == scene.size


def test_scenes_come_by_file_name_and_categories_by_id(tmp_path: Path) -> None:
    scenes = read(tmp_path)
    assert (scenes.data, scenes.split, scenes.family) == ("coco", "train", "coco")
    assert scenes.categories == ("apple", "dog")
    assert [(scene.id, scene.number) for scene in scenes] == [("a", "5"), ("b", "30"), ("c", "4")]
    assert scenes[2].path == tmp_path / "photos" / "old" / "c.png"


def test_scenes_carry_the_files_category_ids_whatever_is_chosen_of_them(tmp_path: Path) -> None:
    scenes = read(tmp_path)
    assert scenes.category_ids == {"2": "apple", "9": "dog"}
    fewer = in_categories(scenes[:2].under(Protocol(non_empty=True)), ["dog"])
    assert (fewer.categories, fewer.category_ids) == (("dog",), {"2": "apple", "9": "dog"})


def test_boxes_are_corners_within_the_photo(tmp_path: Path) -> None:
    empty, two, _ = read(tmp_path)
    assert two.boxes.tolist() == [[1, 2, 4, 6.5], [8, 7, 10, 8]]
    assert two.labels.tolist() == [1, 0]
    assert two.crowd.tolist() == [False, True]
    assert not two.difficult.any()
    assert empty.boxes.shape == (0, 4)


def test_empty_images_stay_and_crowds_count_unless_the_protocol_says_otherwise(tmp_path: Path) -> None:
    scenes = read(tmp_path)
    assert scenes.counts(ALL).tolist() == [[0, 0], [1, 1], [1, 0]]
    assert scenes.counts(Protocol(no_crowd=True)).tolist() == [[0, 0], [0, 1], [1, 0]]
    assert len(scenes.under(Protocol(non_empty=True))) == 2


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    read(tmp_path)
    assert capfd.readouterr() == ("", "")


def with_segmentation(segmentation: Any) -> dict[str, Any]:
    content = copy.deepcopy(INSTANCES)
    content["annotations"][0]["segmentation"] = segmentation
    return content


def test_masks_where_every_object_has_one(tmp_path: Path) -> None:
    _, two, without = read(tmp_path)
    assert without.masks is None
    assert two.masks is not None
    masks = two.masks()
    assert [mask.shape for mask in masks] == [(8, 10)] * 2
    assert masks[0].dtype == bool
    assert masks[0].any()


@pytest.mark.parametrize(
    "segmentation", [None, [[]], [[1, 1, 5, 5]], [[1, 1, 5, 5, 9]], "text", {"counts": [80]}, {"size": [8, 10]}]
)
def test_what_is_no_outline_is_no_mask(tmp_path: Path, segmentation: Any) -> None:
    assert read(tmp_path, with_segmentation(segmentation))[1].masks is None


@pytest.mark.parametrize(
    "segmentation",
    [
        [["a", 1, 5, 1, 5, 5]],
        [[1e300, 1, 5, 1, 5, 5]],
        {"size": [8, 10], "counts": [5, 9999]},
        {"size": [8, 10], "counts": [5, 10]},
        {"size": [8, 10], "counts": [-5, 85]},
        {"size": [8, 10], "counts": "no code!"},
    ],
)
def test_a_damaged_mask_says_whose_it_is(tmp_path: Path, segmentation: Any) -> None:
    masks = read(tmp_path, with_segmentation(segmentation))[1].masks
    assert masks is not None
    with pytest.raises(DataError, match="annotation 1 has an invalid segmentation"):
        masks()


def refusal(tmp_path: Path, content: Any) -> str:
    """The one line that says why a file cannot be read."""
    with pytest.raises(DataError) as error:
        read(tmp_path, content)
    line = str(error.value)
    assert "\n" not in line
    assert line.startswith(str(tmp_path / "instances_train.json"))
    return line


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON"),
        (b'{"images": [', "not JSON"),
        (b"\xff\xd8\xff\xe0", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ([], "not an instances file"),
        ({**INSTANCES, "images": {}}, "no list of images"),
        ({**INSTANCES, "images": []}, "images is empty"),
        ({**INSTANCES, "categories": []}, "categories is empty"),
        ({**INSTANCES, "annotations": [7]}, "annotations[0]"),
    ],
)
def test_what_is_no_instances_file_is_refused(tmp_path: Path, content: Any, says: str) -> None:
    assert says in refusal(tmp_path, content)


def test_a_missing_file_names_the_splits_that_are_there(tmp_path: Path) -> None:
    instances(tmp_path)
    with pytest.raises(DataError, match=r"no such annotation file; available: train"):
        load_coco(tmp_path / "instances_val.json", tmp_path, split="val")


@pytest.mark.parametrize(
    ("section", "key"),
    [(section, None) for section in INSTANCES]
    + [("images", key) for key in ("id", "file_name")]
    + [("annotations", key) for key in ("image_id", "category_id")]
    + [("categories", key) for key in ("id", "name")],
)
def test_whatever_is_missing_is_named(tmp_path: Path, section: str, key: str | None) -> None:
    content = copy.deepcopy(INSTANCES)
    if key is None:
        del content[section]
        assert f"no list of {section}" in refusal(tmp_path, content)
    else:
        del content[section][-1][key]
        assert f"{section}[{len(content[section]) - 1}] has no '{key}'" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda c: c["annotations"][1].update(image_id=31),
            "annotation 2 has image_id 31, which is not in images",
        ),
        (
            lambda c: c["annotations"][1].update(image_id=30.5),
            "annotations has image_id 30.5, should be an integer",
        ),
        (lambda c: c["annotations"][1].update(category_id=[9]), "annotations has category_id [9], should be"),
        (lambda c: c["annotations"][1].update(category_id=True), "annotations has category_id True, should be"),
        (lambda c: c["annotations"][1].update(id=1), "duplicate annotation id '1'"),
        (lambda c: c["images"][1].update(id=30), "duplicate image id 30"),
        (lambda c: c["images"][1].update(id="30"), "duplicate image id 30"),
        (lambda c: c["images"][1].update(id=None), "images has id None, should be"),
        (lambda c: c["images"][1].update(id=float("nan")), "images has id nan, should be"),
        (lambda c: c["images"][1].update(file_name="b.jpg"), "duplicate file_name 'b.jpg'"),
        (lambda c: c["images"][1].update(file_name=7), "images[1] has file_name 7"),
        (lambda c: c["images"][1].update(file_name=" "), "images[1] has file_name ' '"),
        (lambda c: c["images"][1].update(width=-3), "image 4 has width or height"),
        (lambda c: c["images"][1].update(height="high"), "image 4 has width or height"),
        (lambda c: c["images"][1].update(height=8.5), "image 4 has width or height"),
        (lambda c: c["categories"][1].update(id=9), "duplicate category id 9"),
        (lambda c: c["categories"][1].update(name="dog"), "duplicate category name 'dog'"),
        (lambda c: c["categories"][1].update(name=" dog "), "duplicate category name 'dog'"),
        (lambda c: c["annotations"][1].update(iscrowd="no"), "annotation 2 has iscrowd 'no'"),
        (lambda c: c["annotations"][1].update(iscrowd=[1]), "annotation 2 has iscrowd [1]"),
        (lambda c: c["annotations"][2].update(bbox=None), "annotation 3 has no bbox and no segmentation"),
    ],
)
def test_what_contradicts_itself_is_named(tmp_path: Path, change: Callable[[Any], None], says: str) -> None:
    content = copy.deepcopy(INSTANCES)
    change(content)
    assert says in refusal(tmp_path, content)


@pytest.mark.parametrize(
    "bbox",
    [
        7,
        "box",
        [1, 2, 3],
        [1, 2, 3, 4, 5],
        [1, 2, None, 4],
        [1, 2, [3], 4],
        [1, 2, -3, 4],
        [10**400, 2, 3, 4],
    ],
)
def test_boxes_that_are_none_are_named(tmp_path: Path, bbox: Any) -> None:
    content = copy.deepcopy(INSTANCES)
    content["annotations"][1]["bbox"] = bbox
    assert "annotation 2 has bbox" in refusal(tmp_path, content)


def test_infinite_boxes_are_named(tmp_path: Path) -> None:
    text = json.dumps(INSTANCES).replace("4.5", "1e999").encode()
    assert "annotation 1 has bbox [1, 2, 3, inf]" in refusal(tmp_path, text)


@pytest.mark.parametrize("name", [".", "/", "./", "..", "a/.."])
def test_a_photo_whose_name_is_no_files_is_refused(tmp_path: Path, name: str) -> None:
    content = copy.deepcopy(INSTANCES)
    content["images"][0]["file_name"] = name
    assert "should name a file" in refusal(tmp_path, content)
