"""VOC's layout, read as the counting paper read it: counts equal its released matrices in every cell."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from counting_datasets.categories import VOC_CATEGORIES
from counting_datasets.errors import DataError, PhotoError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet
from counting_datasets.voc import load_voc

ALL = Protocol()
SIZE = "<size><width>100</width><height>50</height><depth>3</depth></size>"


def box(xmin: object = 1, ymin: object = 1, xmax: object = 10, ymax: object = 10) -> str:
    return f"<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>"


def thing(name: str = "dog", bndbox: str = box(), rest: str = "") -> str:
    return f"<object><name>{name}</name>{bndbox}{rest}</object>"


def write(root: Path, *objects: str, name: str = "000007", size: str = SIZE, text: Any = None) -> Path:
    """One annotation; its split, ``train``, lists all that were written."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    text = f"<annotation>{size}{''.join(objects)}</annotation>" if text is None else text
    (root / "Annotations" / f"{name}.xml").write_bytes(text.encode() if isinstance(text, str) else text)
    with (root / "ImageSets" / "Main" / "train.txt").open("a", newline="") as listing:
        listing.write(f"{name}\r\n")
    return root


@pytest.fixture(scope="module")
def root(data_root: Path) -> Path:
    return data_root / "VOCdevkit" / "VOC2007"


@pytest.fixture(scope="module")
def voc_test(root: Path) -> SceneSet:
    return load_voc(root, "test")


class TestReal:
    """PASCAL VOC 2007 itself."""

    @pytest.mark.parametrize(
        ("split", "images", "instances"), [("train", 2501, 7844), ("val", 2510, 7818), ("test", 4952, 14976)]
    )
    def test_counts_equal_the_papers_in_every_cell(
        self, root: Path, data_root: Path, split: str, images: int, instances: int
    ) -> None:
        scenes = load_voc(root, split)
        counts = scenes.counts(ALL)
        assert (len(scenes), counts.sum()) == (images, instances)
        with np.load(data_root / "ceos" / "voc2007_counts.npz") as released:
            row = {str(number): index for index, number in enumerate(released[f"{split}_ids"])}
            theirs = released[f"{split}_counts"][[row[scene.number] for scene in scenes]]
        np.testing.assert_array_equal(counts, theirs)

    def test_without_difficult_objects(self, voc_test: SceneSet) -> None:
        assert voc_test.counts(Protocol(non_difficult=True)).sum() == 12_032

    def test_every_object_lies_in_its_photo(self, voc_test: SceneSet) -> None:
        for scene in voc_test:
            assert (scene.boxes >= 0).all()
            assert (scene.boxes[:, :2] < scene.boxes[:, 2:]).all()
            assert (scene.boxes[:, 2:] <= scene.size).all()

    def test_a_scene(self, root: Path) -> None:
        """000005: five chairs, two of them difficult; the first at xmin 263, ymin 211, xmax 324, ymax 339."""
        scene = next(scene for scene in load_voc(root, "val") if scene.id == "000005")
        assert (scene.number, scene.size, scene.path.name) == ("5", (500, 375), "000005.jpg")
        assert scene.boxes[0].tolist() == [262, 210, 324, 339]
        assert scene.difficult.tolist() == [False, False, True, False, True]
        assert scene.counts(ALL)[VOC_CATEGORIES.index("chair")] == 5

    def test_photos_are_as_large_as_their_annotations_say(self, root: Path) -> None:
        there = [scene for scene in load_voc(root, "test") if scene.path.is_file()][:20]
        assert there
        assert all(scene.image().size == scene.size for scene in there)


def test_scenes_come_in_the_splits_order_and_no_photo_is_needed(tmp_path: Path) -> None:
    for name in ("2008_000003", "000012", "holiday 1"):
        write(tmp_path, thing(), name=name)
    scenes = load_voc(tmp_path, "train")
    assert [scene.id for scene in scenes] == ["2008_000003", "000012", "holiday 1"]
    assert [scene.number for scene in scenes] == ["2008_000003", "12", "holiday 1"]
    assert (scenes.data, scenes.family, scenes.categories) == ("voc2007", "voc", VOC_CATEGORIES)


def test_photos_of_any_ending_and_jpg_before_others(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path, name=name)
    for photo in ("a.png", "b.JPG", "c.jpg", "c.tiff", "c.webp", "a.txt"):
        (tmp_path / "JPEGImages" / photo).touch()
    assert [scene.path.name for scene in load_voc(tmp_path, "train")] == ["a.png", "b.JPG", "c.jpg"]


def test_a_box_that_leaves_the_photo_is_clipped_and_counts_once(tmp_path: Path) -> None:
    write(
        tmp_path, *(thing(bndbox=box(*ends)) for ends in ((-5, 1, 10, 500), (300, 1, 400, 10), (0, 0, 99.5, 50)))
    )
    [scene] = load_voc(tmp_path, "train")
    assert scene.boxes.tolist() == [[0, 0, 10, 50], [100, 0, 100, 10], [0, 0, 99.5, 50]]
    assert scene.counts(ALL).sum() == 3


def test_parts_of_objects_do_not_count_and_no_flag_means_not_difficult(tmp_path: Path) -> None:
    part = f"<part><name>head</name>{box()}</part>"
    write(tmp_path, thing("person", rest=part), thing(rest="<difficult>1</difficult>"), name="a")
    write(tmp_path, name="b")
    with_two, empty = load_voc(tmp_path, "train")
    assert [VOC_CATEGORIES[label] for label in with_two.labels] == ["person", "dog"]
    assert with_two.difficult.tolist() == [False, True]
    assert with_two.counts(Protocol(non_difficult=True)).sum() == 1
    assert empty.boxes.shape == (0, 4)
    assert empty.counts(ALL).tolist() == [0] * 20


def test_own_categories_named_or_found_are_the_same_for_every_split(tmp_path: Path) -> None:
    write(tmp_path, thing("pear"), thing("apple"), name="a")
    write(tmp_path, thing("plum"), name="b")
    (tmp_path / "ImageSets/Main/val.txt").write_text("b")
    found = load_voc(tmp_path, "val", categories=None, data="voc")
    assert found.categories == load_voc(tmp_path, "train", categories=None).categories == ("apple", "pear", "plum")
    assert found.counts(ALL).tolist() == [[0, 0, 1]]
    named = load_voc(tmp_path, "val", categories=["plum", "pear", "apple"])
    assert named.counts(ALL).tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("size", ["", "<size><width>0</width><height>0</height></size>", "<size><width/></size>"])
def test_a_size_that_is_not_given_is_read_from_the_photo(tmp_path: Path, size: str) -> None:
    write(tmp_path, thing(bndbox=box(1, 1, 500, 500)), size=size)
    Image.new("RGB", (64, 48)).save(tmp_path / "JPEGImages" / "000007.jpg")
    [scene] = load_voc(tmp_path, "train")
    assert scene.size == (64, 48)
    assert scene.boxes.tolist() == [[0, 0, 64, 48]]


@pytest.mark.parametrize("photo", [None, b"", b"no image"])
def test_counts_need_no_size_and_a_size_that_cannot_be_had_is_the_photos_error(
    tmp_path: Path, photo: bytes | None
) -> None:
    write(tmp_path, thing(), size="")
    if photo is not None:
        (tmp_path / "JPEGImages" / "000007.jpg").write_bytes(photo)
    [scene] = load_voc(tmp_path, "train")
    assert scene.counts(ALL).sum() == 1
    with pytest.raises(PhotoError, match=r"000007\.jpg"):
        scene.boxes  # noqa: B018


def refusal(root: Path, split: str = "train", **options: Any) -> str:
    """The one line that says why ``root`` cannot be read."""
    with pytest.raises(DataError) as error:
        load_voc(root, split, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not XML"),
        ("dogs: 3", "not XML"),
        ("<annotation><object>", "not XML"),
        (b"\xff\xd8\xff\xe0", "not XML"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', "not XML"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>', "DOCTYPE"),
        ("<html><object/></html>", "<html>"),
    ],
)
def test_what_is_no_annotation_is_refused(tmp_path: Path, text: str | bytes, says: str) -> None:
    line = refusal(write(tmp_path, text=text))
    assert "000007.xml" in line
    assert says in line


@pytest.mark.parametrize(
    ("object_", "says"),
    [
        (thing("unicorn"), "unknown category 'unicorn'"),
        (thing(""), "without a name"),
        (thing(bndbox=""), "bndbox"),
        (thing(bndbox="<bndbox><xmin>1</xmin></bndbox>"), "bndbox"),
        (thing(bndbox=box(xmin="left")), "bndbox"),
        (thing(bndbox=box(xmax="nan")), "bndbox is missing or not finite"),
        (thing(bndbox=box(ymax="inf")), "bndbox is missing or not finite"),
        (thing(bndbox=box(xmin=20, xmax=10)), "reversed"),
        (thing(bndbox=box(ymin=20, ymax=10)), "reversed"),
        (thing(rest="<difficult>maybe</difficult>"), "difficult"),
    ],
)
def test_objects_that_nobody_can_count_are_refused(tmp_path: Path, object_: str, says: str) -> None:
    line = refusal(write(tmp_path, thing(), object_))
    assert "000007.xml" in line
    assert says in line


def test_an_unknown_category_names_the_remedy(tmp_path: Path) -> None:
    assert "add it to categories" in refusal(write(tmp_path, thing("pear")), categories=["apple"])


def test_a_category_named_twice_is_refused(tmp_path: Path) -> None:
    assert "duplicate category 'apple'" in refusal(write(tmp_path), categories=["apple", "pear", "apple"])


def test_own_data_without_any_object_has_no_categories(tmp_path: Path) -> None:
    assert "name the categories" in refusal(write(tmp_path), categories=None)


@pytest.mark.parametrize(
    ("listing", "says"),
    [
        (b"", "lists no photo"),
        (b"\r\n \r\n", "lists no photo"),
        (b"caf\xe9\n", "UTF-8"),
        ("000007".encode("utf-16-le"), "lists no photo"),
        (b"000007\n000008\n", "lists '000008', but there is no annotation 000008.xml"),
        (b"000007\n000007\n", "duplicate photo '000007'"),
        (None, "no such split; available: aeroplane_extra, val"),
    ],
)
def test_splits_that_cannot_be_read_are_refused(tmp_path: Path, listing: bytes | None, says: str) -> None:
    splits = write(tmp_path, thing()) / "ImageSets" / "Main"
    (splits / "train.txt").unlink()
    for other in ("val", "dog_val", "aeroplane_extra"):
        (splits / f"{other}.txt").write_text("000007")
    if listing is not None:
        (splits / "train.txt").write_bytes(listing)
    assert says in refusal(tmp_path)


def test_a_folder_of_another_layout_is_told_which_it_should_have(tmp_path: Path) -> None:
    assert "ImageSets/Main, Annotations and JPEGImages" in refusal(tmp_path)
