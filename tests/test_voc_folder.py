"""Folders as labelling tools write them: with and without lists, stray files, and names in any spelling."""

import logging
from pathlib import Path
from typing import Any

import pytest

from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet
from counting_datasets.voc import load_voc

ALL = Protocol()
NFC, NFD = "caf\u00e9", "cafe\u0301"


def xml(*names: str) -> str:
    box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>"
    objects = "".join(f"<object><name>{name}</name>{box}</object>" for name in names)
    return f"<annotation><size><width>64</width><height>48</height></size>{objects}</annotation>"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


FRUIT = {
    "Annotations/p1.xml": xml("apple", "apple"),
    "Annotations/p2.xml": xml("pear"),
    "JPEGImages/p1.jpg": "",
    "JPEGImages/p2.jpg": "",
}
LISTED = FRUIT | {"ImageSets/Main/val.txt": "p1\np2\n"}


def read(root: Path, split: str = "val", **options: Any) -> SceneSet:
    return load_voc(root, split, categories=None, data="voc", **options)


def counts(scenes: SceneSet) -> dict[str, dict[str, int]]:
    return {
        scene.id: {name: n for name, n in zip(scenes.categories, scene.counts(ALL).tolist(), strict=True) if n}
        for scene in scenes
    }


RIGHT = {"p1": {"apple": 2}, "p2": {"pear": 1}}


def refusal(root: Path, split: str = "val", **options: Any) -> str:
    with pytest.raises(DataError) as error:
        read(root, split, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


# Stray files


def test_stray_files_are_data_nowhere(tmp_path: Path) -> None:
    stray = {
        "Annotations/._p1.xml": "Mac OS X",
        "Annotations/.ipynb_checkpoints/p1-checkpoint.xml": xml("plum"),
        "Annotations/@eaDir/p1.xml/x.xml": xml("plum"),
        "JPEGImages/._p1.jpg": "",
        "JPEGImages/.thumbnails/p2.jpg": "",
        "JPEGImages/Thumbs.db": "",
        "ImageSets/Main/._val.txt": "Mac OS X",
        "ImageSets/Main/val.txt": "._p1\n._p1.jpg\np1\np2\nThumbs.db\n.DS_Store\n__MACOSX/p1\n",
    }
    assert counts(read(write(tmp_path, FRUIT | stray))) == RIGHT
    assert "available: val" in refusal(tmp_path, "test")


def test_a_list_of_photos_in_a_hidden_folder_lists_photos(tmp_path: Path) -> None:
    write(tmp_path, FRUIT | {"ImageSets/Main/val.txt": "/home/me/.data/JPEGImages/p1.jpg\n"})
    assert counts(read(tmp_path)) == {"p1": {"apple": 2}}


def test_an_annotation_without_photo_that_nothing_lists_adds_no_category(tmp_path: Path) -> None:
    write(tmp_path, LISTED | {"Annotations/deleted.xml": xml("banana")})
    assert read(tmp_path).categories == ("apple", "pear")


def test_a_listed_annotation_counts_without_its_photo(tmp_path: Path) -> None:
    write(tmp_path, LISTED | {"ImageSets/Main/train.txt": "p3\n", "Annotations/p3.xml": xml("plum")})
    assert read(tmp_path).categories == ("apple", "pear", "plum")
    assert counts(read(tmp_path, "train")) == {"p3": {"plum": 1}}


@pytest.mark.parametrize("lists", [True, False])
def test_where_no_photo_is_there_at_all_every_annotation_counts(tmp_path: Path, lists: bool) -> None:
    files = {name: text for name, text in (LISTED if lists else FRUIT).items() if not name.startswith("JPEG")}
    scenes = read(write(tmp_path, files | {"Annotations/p3.xml": xml("plum")}))
    assert scenes.categories == ("apple", "pear", "plum")
    assert counts(scenes) == (RIGHT if lists else RIGHT | {"p3": {"plum": 1}})
    assert scenes[0].path == tmp_path / "JPEGImages" / "p1.jpg"


# Names


def test_names_of_categories_and_files_compare_composed(tmp_path: Path) -> None:
    files = {
        f"Annotations/{NFD}1.xml": xml(NFC),
        f"Annotations/{NFC}2.xml": xml(NFD),
        f"JPEGImages/{NFC}1.jpg": "",
        f"JPEGImages/{NFD}2.jpg": "",
        "ImageSets/Main/val.txt": f"{NFC}1\n{NFD}2\n",
    }
    scenes = read(write(tmp_path, files))
    assert counts(scenes) == {f"{NFC}1": {NFC: 1}, f"{NFC}2": {NFC: 1}}
    assert all(scene.path.is_file() for scene in scenes)
    assert load_voc(tmp_path, "val", categories=[NFD], data="voc").counts(ALL).tolist() == [[1], [1]]


def test_names_that_differ_in_case_alone_are_one_category_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, LISTED | {"Annotations/p1.xml": xml("Apple", "apple"), "Annotations/p2.xml": xml("apple ")})
    assert counts(read(tmp_path)) == {"p1": {"apple": 2}, "p2": {"apple": 1}}
    assert "'Apple' counts as 'apple'" in caplog.text


def test_named_categories_match_their_own_spelling_first(tmp_path: Path) -> None:
    write(tmp_path, LISTED | {"Annotations/p1.xml": xml("Apple", "apple"), "Annotations/p2.xml": xml("APPLE")})
    both = load_voc(tmp_path, "val", categories=["apple", "Apple"], data="voc")
    assert both.counts(ALL).tolist() == [[1, 1], [1, 0]]
    assert load_voc(tmp_path, "val", categories=["apple"], data="voc").counts(ALL).tolist() == [[2], [1]]


def test_synonyms_in_own_data_are_categories_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, LISTED | {"Annotations/p1.xml": xml("bike", "bicycle"), "Annotations/p2.xml": xml("bike")})
    assert counts(read(tmp_path)) == {"p1": {"bike": 1, "bicycle": 1}, "p2": {"bike": 1}}
    line = "unknown category 'bike': add it to categories; did you mean"
    with pytest.raises(DataError, match=line):
        load_voc(tmp_path, "val", categories=["bikes", "bicycle"], data="voc")


def test_endings_in_capitals_are_endings(tmp_path: Path) -> None:
    files = {"Annotations/p1.XML": xml("apple"), "JPEGImages/p1.JPG": "", "ImageSets/Main/val.TXT": "p1\n"}
    [scene] = read(write(tmp_path, files))
    assert scene.path.name == "p1.JPG"


@pytest.mark.parametrize("ending", ["jfif", "jpe", "HEIC", "jp2", "png"])
def test_photos_of_every_kind_are_found(tmp_path: Path, ending: str) -> None:
    files = {name.replace("jpg", ending): text for name, text in LISTED.items()}
    assert [scene.path.name for scene in read(write(tmp_path, files))] == [f"p1.{ending}", f"p2.{ending}"]


@pytest.mark.parametrize("split", ["a" * 300, "val\0", "../val/.."])
def test_a_split_that_no_file_can_have_is_refused(tmp_path: Path, split: str) -> None:
    assert "Available: val".lower() in refusal(write(tmp_path, LISTED), split).lower()


# Lists


@pytest.mark.parametrize(
    "listing",
    [
        "p1\np2\n",
        "p1.jpg\np2.jpg\n",
        "p1.JPG\np2.xml\n",
        "p1  1\np2 -1\n",
        "p1.jpg\t0\np2.jpg\t+1\n",
        "JPEGImages/p1.jpg\nJPEGImages/p2.jpg\n",
        "./p1.jpg\n../Annotations/p2.xml\n",
        "C:\\data\\JPEGImages\\p1.jpg\r\nJPEGImages\\p2.jpg\r\n",
        "/content/data/images/p1.jpg\n/content/data/images/p2.jpg\n",
        "JPEGImages/p1.jpg Annotations/p1.xml\nJPEGImages/p2.jpg Annotations/p2.xml\n",
    ],
)
def test_lines_may_have_endings_folders_and_a_second_column(tmp_path: Path, listing: str) -> None:
    assert counts(read(write(tmp_path, FRUIT | {"ImageSets/Main/val.txt": listing}))) == RIGHT


def test_a_list_may_be_in_utf_16(tmp_path: Path) -> None:
    write(tmp_path, LISTED)
    (tmp_path / "ImageSets/Main/val.txt").write_bytes("p1\r\np2\r\n".encode("utf-16"))
    assert counts(read(tmp_path)) == RIGHT


def test_a_name_as_it_is_comes_before_what_it_may_mean(tmp_path: Path) -> None:
    files = {f"Annotations/{name}.xml": xml("apple") for name in ("holiday", "holiday 1", "p1.jpg", "p1")}
    write(tmp_path, files | {"ImageSets/Main/val.txt": "holiday 1\nholiday\np1.jpg\np1\n"})
    assert [scene.id for scene in read(tmp_path)] == ["holiday 1", "holiday", "p1.jpg", "p1"]


def test_photos_of_one_name_in_several_folders(tmp_path: Path) -> None:
    files = {f"Annotations/{name}.xml": xml("apple") for name in ("a/p1", "b/p1")}
    files |= {f"JPEGImages/{name}.jpg": "" for name in ("a/p1", "b/p1")}
    write(tmp_path, files | {"ImageSets/Main/val.txt": "b/p1\nJPEGImages/a/p1.jpg\n"})
    assert [(scene.id, scene.path.is_file()) for scene in read(tmp_path)] == [("b/p1", True), ("a/p1", True)]


def test_annotations_in_a_folder_of_their_own_go_by_their_name(tmp_path: Path) -> None:
    """As in the Oxford pets: annotations/xmls, images."""
    files = {
        "annotations/xmls/p1.xml": xml("apple", "apple"),
        "annotations/xmls/p2.xml": xml("pear"),
        "images/p1.jpg": "",
        "images/p2.jpg": "",
    }
    assert counts(read(write(tmp_path, files))) == RIGHT


# No lists


@pytest.mark.parametrize("split", ["all", "test", "val"])
def test_without_lists_all_annotated_photos_are_one_split_and_it_is_said(
    tmp_path: Path, split: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, FRUIT | {"JPEGImages/p3.jpg": "", "Annotations/p4.xml": xml("plum")})
    scenes = read(tmp_path, split)
    assert counts(scenes) == RIGHT
    assert scenes.categories == ("apple", "pear")
    assert f"{split} is all 2 annotated photos" in caplog.text


def test_annotations_may_lie_beside_their_photos(tmp_path: Path) -> None:
    files = {name.partition("/")[2]: text for name, text in FRUIT.items()}
    scenes = read(write(tmp_path, files))
    assert counts(scenes) == RIGHT
    assert scenes[0].path == tmp_path / "p1.jpg"


def test_a_folder_for_each_split(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As Roboflow exports VOC."""
    files = {"train/a.xml": xml("plum"), "train/a.jpg": "", "valid/b.xml": xml("apple"), "valid/b.jpg": ""}
    write(tmp_path, files | {"README.txt": "exported", "__MACOSX/test/._b.xml": "Mac OS X"})
    with caplog.at_level(logging.INFO):
        assert counts(read(tmp_path, "val")) == counts(read(tmp_path, "valid")) == {"b": {"apple": 1}}
    assert read(tmp_path, "train").categories == ("apple", "plum")
    assert caplog.text == ""
    assert "did you mean 'train'? Available: train, valid" in refusal(tmp_path, "trian")


def test_published_data_have_the_splits_of_their_lists_alone(tmp_path: Path) -> None:
    write(tmp_path, {"Annotations/p1.xml": xml("dog"), "JPEGImages/p1.jpg": ""})
    for split in ("val", "val:80/20"):
        with pytest.raises(DataError, match="no such split; the folder should hold ImageSets/Main"):
            load_voc(tmp_path, split, data="voc2007")


def test_shares_divide_all_annotated_photos(tmp_path: Path) -> None:
    files = {f"Annotations/p{n}.xml": xml("apple") for n in range(10)}
    files |= {f"JPEGImages/p{n}.jpg": "" for n in range(10)} | {"ImageSets/Main/val.txt": "p1\n"}
    write(tmp_path, files)
    train, val = ([scene.id for scene in read(tmp_path, f"{part}:80/20:7")] for part in ("train", "val"))
    assert (len(train), len(val)) == (8, 2)
    assert sorted(train + val) == [f"p{n}" for n in range(10)]


# Photos without annotation


@pytest.mark.parametrize("lists", [True, False])
def test_a_photo_without_annotation_is_empty_where_the_user_says_so(tmp_path: Path, lists: bool) -> None:
    write(tmp_path, LISTED if lists else FRUIT)
    (tmp_path / "Annotations" / "p2.xml").unlink()
    assert counts(read(tmp_path, unannotated_are_empty=True)) == {"p1": {"apple": 2}, "p2": {}}
    if lists:
        assert "lists 'p2', but there is no annotation p2.xml; to count it as empty" in refusal(tmp_path)


def test_a_listed_name_of_no_photo_and_no_annotation_is_never_empty(tmp_path: Path) -> None:
    write(tmp_path, FRUIT | {"ImageSets/Main/val.txt": "p1\np9.jpg\n"})
    assert refusal(tmp_path, unannotated_are_empty=True).endswith(
        "lists 'p9.jpg', but there is no annotation p9.xml"
    )
