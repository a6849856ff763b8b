"""COCO's format as labelling tools write it: Roboflow, Label Studio, CVAT and others."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from counting_datasets.catalog import Place, load
from counting_datasets.coco import load_coco
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")

ALL = Protocol()
HUGE = {"size": [10**6, 10**6], "counts": [10**12]}
SQUARE = [[1, 2, 11, 2, 11, 14, 1, 14]]


def photo(number: Any, file: str, **others: Any) -> dict[str, Any]:
    return {"id": number, "file_name": file, "width": 64, "height": 48} | others


def thing(number: Any, image: Any, category: Any = 1, **others: Any) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [1, 2, 10, 12],
        "iscrowd": 0,
    } | others


def fruit(**changes: Any) -> dict[str, Any]:
    """Two apples in a.jpg, a pear in b.jpg, nothing in c.jpg."""
    return {
        "images": [photo(1, "a.jpg"), photo(2, "b.jpg"), photo(3, "c.jpg")],
        "annotations": [thing(1, 1), thing(2, 1), thing(3, 2, 2)],
        "categories": [{"id": 1, "name": "apple"}, {"id": 2, "name": "pear"}],
    } | changes


def save(file: Path, content: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


def read(folder: Path, content: Any) -> SceneSet:
    return load_coco(save(folder / "boxes.json", content), folder, split="val")


def counts(scenes: SceneSet) -> dict[str, dict[str, int]]:
    return {
        scene.id: {name: n for name, n in zip(scenes.categories, scene.counts(ALL).tolist(), strict=True) if n}
        for scene in scenes
    }


RIGHT = {"a": {"apple": 2}, "b": {"pear": 1}, "c": {}}


# Numbers, flags and what may be left out


@pytest.mark.parametrize("form", [float, str])
def test_whole_numbers_written_otherwise_are_the_same_ids(tmp_path: Path, form: Any) -> None:
    things = [thing(form(1), form(1)), thing(form(2), form(1)), thing(form(3), form(2), form(2))]
    scenes = read(tmp_path, fruit(annotations=things))
    assert counts(scenes) == RIGHT
    photos = [photo(form(1), "a.jpg", width=form(64)), photo(form(2), "b.jpg"), photo(form(3), "c.jpg")]
    scenes = read(tmp_path, fruit(images=photos))
    assert counts(scenes) == RIGHT
    assert [(scene.number, scene.size) for scene in scenes] == [(n, (64, 48)) for n in "123"]
    categories = [{"id": form(1), "name": "apple"}, {"id": form(2), "name": "pear"}]
    assert read(tmp_path, fruit(categories=categories)).category_ids == {"1": "apple", "2": "pear"}


def test_ids_that_are_text_stay_text(tmp_path: Path) -> None:
    photos = [photo("x1", "a.jpg"), photo("007", "b.jpg"), photo("é", "c.jpg")]
    things = [thing(1, "x1"), thing(2, "x1"), thing(3, "007", 2)]
    scenes = read(tmp_path, fruit(images=photos, annotations=things))
    assert counts(scenes) == RIGHT
    assert [scene.number for scene in scenes] == ["x1", "007", "é"]


@pytest.mark.parametrize("value", [None, "0", "", False, 0.0])
def test_no_crowd_in_any_form(tmp_path: Path, value: Any) -> None:
    assert counts(read(tmp_path, fruit(annotations=[thing(1, 1, iscrowd=value)])))["a"] == {"apple": 1}


@pytest.mark.parametrize("value", ["1", True, 1.0, "true"])
def test_a_crowd_in_any_form(tmp_path: Path, value: Any) -> None:
    [scene, *_] = read(tmp_path, fruit(annotations=[thing(1, 1, iscrowd=value)]))
    assert scene.crowd.tolist() == [True]


def test_nan_where_nothing_is_counted_does_no_harm(tmp_path: Path) -> None:
    content = fruit(
        info={"x": float("nan")}, annotations=[thing(1, 1, area=float("nan")), thing(2, 1), thing(3, 2, 2)]
    )
    assert counts(read(tmp_path, content)) == RIGHT
    with pytest.raises(DataError, match="annotation 1 has bbox"):
        read(tmp_path, fruit(annotations=[thing(1, 1, bbox=[float("nan"), 2, 3, 4])]))


def test_annotations_need_no_ids(tmp_path: Path) -> None:
    things = fruit()["annotations"]
    for row in things:
        del row["id"]
    assert counts(read(tmp_path, fruit(annotations=things))) == RIGHT


# Boxes and sizes


@pytest.mark.parametrize(
    "segmentation",
    [
        SQUARE,
        SQUARE[0],
        [[1, 2], [11, 2], [11, 14]],
        [[1, 2, 5, 2, 5, 5], [6, 6, 11, 6, 11, 14]],
    ],
)
@pytest.mark.parametrize("bbox", [None, []])
def test_without_a_box_it_is_the_polygons_extent(tmp_path: Path, segmentation: Any, bbox: Any) -> None:
    [scene, *_] = read(tmp_path, fruit(annotations=[thing(1, 1, bbox=bbox, segmentation=segmentation)]))
    assert scene.boxes.tolist() == [[1, 2, 11, 14]]


def test_without_a_box_it_is_the_run_length_codes_extent(tmp_path: Path) -> None:
    """A 3×2 block in a photo of 6×4 pixels, column by column: x from 2 to 5, y from 1 to 3."""
    code = {"size": [4, 6], "counts": [9, 2, 2, 2, 2, 2, 5]}
    content = fruit(images=[photo(1, "a.jpg", width=6, height=4)], annotations=[thing(1, 1, segmentation=code)])
    del content["annotations"][0]["bbox"]
    assert read(tmp_path, content)[0].boxes.tolist() == [[2, 1, 5, 3]]


@pytest.mark.parametrize(
    "segmentation",
    [
        None,
        [],
        [[1, 2]],
        [[1, 2, 3, 4, 5]],
        [["a"] * 6],
        {"size": [4, 6]},
        {"counts": [24]},
        HUGE,
        [[float("nan")] * 6],
    ],
)
def test_without_a_box_and_a_segmentation_the_annotation_is_named(tmp_path: Path, segmentation: Any) -> None:
    content = fruit(annotations=[thing(7, 1, bbox=None, segmentation=segmentation)])
    with pytest.raises(DataError, match=r"annotation 7 has (no bbox|an invalid segmentation)"):
        read(tmp_path, content)


@pytest.mark.parametrize("size", [{}, {"width": None, "height": None}, {"width": 0, "height": 0}])
def test_without_sizes_counts_need_no_photo_and_boxes_take_the_photos_size(tmp_path: Path, size: Any) -> None:
    images = [{"id": 1, "file_name": "a.jpg"} | size]
    content = fruit(images=images, annotations=[thing(1, 1, bbox=[5, 5, 500, 500])])
    [scene] = read(tmp_path, content)
    assert counts(SceneSet("coco", "val", "coco", scene.categories, (scene,))) == {"a": {"apple": 1}}
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg")
    [scene] = read(tmp_path, content)
    assert (scene.size, scene.boxes.tolist()) == ((20, 10), [[5, 5, 20, 10]])
    assert scene.image().size == (20, 10)


# Categories


def test_an_empty_root_class_is_left_out_and_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    categories = [
        {"id": 0, "name": "fruit", "supercategory": "none"},
        {"id": 1, "name": "apple", "supercategory": "fruit"},
        {"id": 2, "name": "pear", "supercategory": "fruit"},
    ]
    scenes = read(tmp_path, fruit(categories=categories))
    assert scenes.categories == ("apple", "pear")
    assert counts(scenes) == RIGHT
    assert "ignoring category 'fruit'" in caplog.text
    used = fruit(categories=categories)["annotations"] + [thing(4, 3, 0)]
    assert read(tmp_path, fruit(categories=categories, annotations=used)).categories == ("fruit", "apple", "pear")


def test_a_root_class_may_have_the_name_of_its_only_class(tmp_path: Path) -> None:
    categories = [{"id": 0, "name": "a", "supercategory": "none"}, {"id": 1, "name": "a", "supercategory": "a"}]
    assert read(tmp_path, fruit(categories=categories, annotations=[thing(1, 1)])).categories == ("a",)


def test_an_empty_category_is_no_root_class(tmp_path: Path) -> None:
    categories = [
        {"id": 1, "name": "apple", "supercategory": "fruit"},
        {"id": 2, "name": "pear", "supercategory": "fruit"},
        {"id": 3, "name": "fruit", "supercategory": "none"},
        {"id": 4, "name": "dog", "supercategory": "none"},
    ]
    assert len(read(tmp_path, fruit(categories=categories)).categories) == 4


@pytest.mark.parametrize(
    "pair", [("bike", "bicycle"), ("apple", "Apple"), ("tv", "television"), ("T_shirt", "t-shirt")]
)
def test_categories_of_similar_names_are_two(tmp_path: Path, pair: tuple[str, str]) -> None:
    categories = [{"id": n, "name": name} for n, name in enumerate(pair, 1)]
    file = save(tmp_path / "boxes.json", fruit(categories=categories))
    assert counts(load("coco", "val", Place(annotations=file))) == {"a": {pair[0]: 2}, "b": {pair[1]: 1}, "c": {}}
    chosen = load("coco", "val", Place(annotations=file, categories=pair[1:]))
    assert counts(chosen) == {"a": {}, "b": {pair[1]: 1}, "c": {}}


def test_names_compare_composed(tmp_path: Path) -> None:
    written = unicodedata.normalize("NFD", "café")
    content = fruit(categories=[{"id": 1, "name": written}, {"id": 2, "name": "pear"}])
    file = save(tmp_path / "boxes.json", content)
    assert load("coco", "val", Place(annotations=file, categories=("café",))).counts(ALL).tolist() == [
        [2],
        [0],
        [0],
    ]
    with pytest.raises(DataError, match=r"no category 'peer'; did you mean 'pear'\?"):
        load("coco", "val", Place(annotations=file, categories=("peer",)))


# Photos


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")


@pytest.mark.parametrize(
    "written",
    [
        "images\\a.jpg",
        "images\\1/a.jpg",
        "C:\\Users\\me\\a.jpg",
        "/data/local/a.jpg",
        "../images/a.jpg",
        "./a.jpg",
        "A.JPG",
    ],
)
def test_a_photo_is_found_whatever_folders_a_tool_wrote(tmp_path: Path, written: str) -> None:
    touch(tmp_path / "images" / "a.jpg")
    content = fruit(images=[photo(1, written)], annotations=[thing(1, 1)])
    file = save(tmp_path / "result.json", content)
    [scene] = load("coco", "val", Place(annotations=file))
    assert scene.id.lower() == "a"
    assert scene.path == tmp_path / "images" / "a.jpg"


def test_photos_of_one_name_go_by_their_folders_and_are_never_mixed_up(tmp_path: Path) -> None:
    touch(tmp_path / "2" / "a.jpg", tmp_path / "a.jpg")
    content = fruit(images=[photo(1, "1\\a.jpg"), photo(2, "2\\a.jpg")], annotations=[thing(1, 1), thing(2, 2, 2)])
    scenes = read(tmp_path, content)
    assert counts(scenes) == {"1/a": {"apple": 1}, "2/a": {"pear": 1}}
    assert [scene.path.is_file() for scene in scenes] == [False, True]


def test_photos_that_differ_in_their_ending_go_by_it(tmp_path: Path) -> None:
    content = fruit(images=[photo(1, "a.jpg"), photo(2, "a.png")])
    assert set(counts(read(tmp_path, content))) == {"a.jpg", "a.png"}


def test_photos_named_in_the_other_unicode_form_are_found(tmp_path: Path) -> None:
    touch(tmp_path / "images" / unicodedata.normalize("NFD", "café.jpg"))
    [scene] = load_coco(
        save(tmp_path / "boxes.json", fruit(images=[photo(1, "café.jpg")], annotations=[])),
        tmp_path / "images",
        split="val",
    )
    assert scene.id == "café"
    assert scene.path.is_file()


# Layouts


def roboflow(root: Path, *splits: str) -> Path:
    for split in splits:
        save(root / split / "_annotations.coco.json", fruit())
        touch(root / split / "a.jpg")
    return root


def test_roboflows_layout_has_a_folder_for_each_split(tmp_path: Path) -> None:
    roboflow(tmp_path, "train", "valid", "test")
    for split in ("train", "valid", "val", "test"):
        scenes = load("coco", split, Place(tmp_path))
        assert counts(scenes) == RIGHT
        assert scenes[0].path == tmp_path / ("valid" if split == "val" else split) / "a.jpg"
    with pytest.raises(DataError, match=r"did you mean 'train'\? Available: test, train, valid"):
        load("coco", "trian", Place(tmp_path))


def test_only_a_split_that_is_there_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="available: train"):
        load("coco", "test", Place(roboflow(tmp_path, "train")))


@pytest.mark.parametrize(
    ("file", "photos"),
    [
        ("result.json", "images"),  # Label Studio
        ("annotations/instances_default.json", "images"),  # CVAT
        ("annotations/instances_default.json", "images/default"),
        ("_annotations.coco.json", "."),
    ],
)
def test_a_file_that_belongs_to_no_split_is_all_of_them_and_may_be_shared(
    tmp_path: Path, file: str, photos: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path / file, fruit())
    touch(tmp_path / photos / "a.jpg")
    scenes = load("coco", "val", Place(tmp_path))
    assert counts(scenes) == RIGHT
    assert scenes[0].path.is_file()
    assert "val is all of its photos" in caplog.text
    parts = [load("coco", f"{part}:2/1:5", Place(tmp_path)) for part in ("train", "val")]
    assert [len(part) for part in parts] == [2, 1]
    assert {scene.id for part in parts for scene in part} == {"a", "b", "c"}


def test_cvats_layout_by_its_own_name(tmp_path: Path) -> None:
    save(tmp_path / "annotations" / "instances_default.json", fruit())
    assert counts(load("coco", "default", Place(tmp_path))) == RIGHT


def test_an_annotation_file_may_be_shared_too(tmp_path: Path) -> None:
    file = save(tmp_path / "boxes.json", fruit())
    assert sum(len(load("coco", f"{part}:50/50", Place(annotations=file))) for part in ("train", "val")) == 3


def test_stray_files_are_no_annotations(tmp_path: Path) -> None:
    roboflow(tmp_path, "train")
    touch(tmp_path / "train" / "._annotations.coco.json", tmp_path / "__MACOSX" / "x.json")
    assert counts(load("coco", "train", Place(tmp_path))) == RIGHT
    with pytest.raises(DataError, match=r"available: train$"):
        load("coco", "test", Place(tmp_path))


@pytest.mark.parametrize("split", ["a" * 300, "val\0", "*"])
def test_a_split_that_no_file_can_have_is_refused(tmp_path: Path, split: str) -> None:
    with pytest.raises(DataError, match="no such annotation file"):
        load("coco", split, Place(roboflow(tmp_path, "train")))


@pytest.mark.parametrize("name", ["a" * 300, "root\0"])
@pytest.mark.parametrize("data", ["voc", "coco"])
def test_a_root_that_no_folder_can_be_is_refused(tmp_path: Path, data: str, name: str) -> None:
    with pytest.raises(DataError, match="no such folder"):
        load(data, "val", Place(tmp_path / name))
    if data == "coco":
        with pytest.raises(DataError):
            load(data, "val", Place(annotations=tmp_path / f"{name}.json"))
