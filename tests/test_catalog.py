"""Data sets by name: where they lie, the paper's splits of COCO 2014, the user's own."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from counting_datasets.catalog import Place, in_categories, load
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.data_sets import DATA_SETS, downloadable, find_data_set
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

ALL = Protocol()
VOC_OBJECT = (
    "<object><name>{}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
)


def write_voc(root: Path, *categories: str, split: str = "train") -> Path:
    """One photo's annotation, ``a``, with an object of each category."""
    for folder in ("Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    objects = "".join(map(VOC_OBJECT.format, categories))
    size = "<size><width>20</width><height>10</height></size>"
    (root / "Annotations" / "a.xml").write_text(f"<annotation>{size}{objects}</annotation>")
    (root / "ImageSets" / "Main" / f"{split}.txt").write_text("a\n")
    return root


def write_coco(file: Path, images: int = 3, categories: tuple[str, ...] = COCO_CATEGORIES) -> Path:
    """``images`` photos, in no order; photo n has one object, of category n."""
    numbers = np.random.default_rng(0).permutation(images).tolist()
    content = {
        "images": [{"id": n, "file_name": f"photo_{n:06}.jpg", "width": 20, "height": 10} for n in numbers],
        "annotations": [
            {"id": n, "image_id": n, "category_id": n % len(categories) + 1, "bbox": [0, 0, 9, 9]} for n in numbers
        ],
        "categories": [{"id": index + 1, "name": name} for index, name in enumerate(categories)],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


USUAL = Place()


def refusal(data: str, split: str, place: Place = USUAL) -> str:
    """The one line that says why a split cannot be loaded."""
    with pytest.raises(DataError) as error:
        load(data, split, place)
    assert "\n" not in str(error.value)
    return str(error.value)


class TestReal:
    """The published data sets, found through COUNTING_DATA."""

    @pytest.mark.parametrize(("split", "images"), [("train", 2501), ("val", 2510), ("trainval", 5011)])
    def test_voc2007(self, data_root: Path, split: str, images: int) -> None:
        scenes = load("voc2007", split)
        assert (len(scenes), scenes.data, scenes.split, scenes.family) == (images, "voc2007", split, "voc")
        assert scenes.categories == DATA_SETS["voc2007"].categories == VOC_CATEGORIES

    def test_a_subset_of_coco(self, data_root: Path) -> None:
        scenes = load("coco", "train2017_subset", Place(data_root / "coco"))
        assert len(scenes) == 337
        assert scenes.categories == DATA_SETS["coco2017"].categories == COCO_CATEGORIES
        assert all(scene.path.is_file() for scene in scenes)

    def test_a_subset_of_coco_in_vocs_categories(self, data_root: Path) -> None:
        coco = load("coco", "train2017_subset", Place(data_root / "coco"))
        voc = in_categories(coco, VOC_CATEGORIES)
        couch, tv = COCO_CATEGORIES.index("couch"), COCO_CATEGORIES.index("tv")
        ours, theirs = voc.counts(ALL), coco.counts(ALL)
        np.testing.assert_array_equal(ours[:, VOC_CATEGORIES.index("sofa")], theirs[:, couch])
        np.testing.assert_array_equal(ours[:, VOC_CATEGORIES.index("tvmonitor")], theirs[:, tv])
        assert 0 < ours.sum() < theirs.sum()


@pytest.mark.parametrize(("data", "home"), [("voc2007", "VOC2007"), ("voc2012", "VOC2012")])
def test_voc_lies_under_counting_data_or_at_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, home: str
) -> None:
    monkeypatch.setenv("COUNTING_DATA", str(tmp_path))
    write_voc(tmp_path / "VOCdevkit" / home, "dog")
    usual = load(data, "train")
    assert usual.counts(ALL)[0, VOC_CATEGORIES.index("dog")] == 1
    (tmp_path / "VOCdevkit" / home).rename(tmp_path / "moved")
    assert load(data, "train", Place(tmp_path / "moved")).counts(ALL).tolist() == usual.counts(ALL).tolist()


@pytest.mark.parametrize(
    ("data", "split", "file"),
    [
        ("coco2014", "train", "train2014"),
        ("coco2017", "train", "train2017"),
        ("coco2017", "val", "val2017"),
    ],
)
def test_coco_by_the_names_of_its_splits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, split: str, file: str
) -> None:
    monkeypatch.setenv("COUNTING_DATA", str(tmp_path))
    write_coco(tmp_path / "coco" / "annotations" / f"instances_{file}.json")
    (tmp_path / "coco" / file).mkdir()
    scenes = load(data, split)
    assert (len(scenes), scenes.data, scenes.split, scenes.family) == (3, data, split, "coco")
    assert scenes[0].path.parent == tmp_path / "coco" / file


def test_count_val_and_count_test_are_the_halves_of_val2014(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first and the last photos by file name: 20,252 each, here 3."""
    assert DATA_SETS["coco2014"].half == 20_252
    monkeypatch.setitem(DATA_SETS, "coco2014", replace(DATA_SETS["coco2014"], half=3))
    write_coco(tmp_path / "annotations" / "instances_val2014.json", images=6)
    halves = [load("coco2014", split, Place(tmp_path)) for split in ("val", "test")]
    numbers = [[int(scene.number) for scene in half] for half in halves]
    assert numbers == [[0, 1, 2], [3, 4, 5]]
    assert [half.split for half in halves] == ["val", "test"]


def test_a_part_of_val2014_has_no_halves(tmp_path: Path) -> None:
    write_coco(tmp_path / "annotations" / "instances_val2014.json")
    assert "40,504 photos, but the annotation file lists 3" in refusal("coco2014", "val", Place(tmp_path))


@pytest.mark.parametrize(
    "folder", ["images/mine_a", "mine_a", "images/mine", "mine", "images", pytest.param(None, id="nowhere")]
)
def test_own_coco_data_and_where_their_photos_may_lie(tmp_path: Path, folder: str | None) -> None:
    write_coco(tmp_path / "annotations" / "instances_mine_a.json", categories=("apple", "pear"))
    if folder:
        (tmp_path / folder).mkdir(parents=True)
    scenes = load("coco", "mine_a", Place(tmp_path))
    assert scenes.categories == ("apple", "pear")
    assert scenes[0].path == tmp_path / (folder or "images/mine_a") / "photo_000000.jpg"


def test_an_annotation_file_and_a_folder_of_photos(tmp_path: Path) -> None:
    file = write_coco(tmp_path / "boxes.json")
    assert load("coco", "val", Place(annotations=file))[0].path.parent == tmp_path
    apart = Place(annotations=file, images=tmp_path / "photos")
    assert load("coco", "val", apart)[0].path.parent == tmp_path / "photos"


def test_own_voc_data_with_named_or_found_categories(tmp_path: Path) -> None:
    root = write_voc(tmp_path, "pear", "apple", split="mine")
    assert load("voc", "mine", Place(root)).categories == ("apple", "pear")
    named = load("voc", "mine", Place(root, categories=("plum", "pear", "apple")))
    assert named.categories == ("plum", "pear", "apple")
    assert named.counts(ALL).tolist() == [[0, 1, 1]]
    assert "unknown category 'apple'" in refusal("voc", "mine", Place(root, categories=("pear",)))


def test_a_root_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_voc(tmp_path / "photos", "apple")
    assert len(load("voc", "train", Place(Path("~/photos")))) == 1


class TestInCategories:
    """The same photos under another list of categories."""

    @pytest.fixture
    def scenes(self, tmp_path: Path) -> SceneSet:
        """Photo 0 has a couch, photo 1 a fork, photo 2 a dog, each with a mask one pixel larger than the last."""
        file = write_coco(tmp_path / "boxes.json", categories=("couch", "fork", "dog"))
        content = json.loads(file.read_text())
        for row in content["annotations"]:
            row["segmentation"] = {"size": [10, 20], "counts": [0, row["id"] + 1, 199 - row["id"]]}
        file.write_text(json.dumps(content))
        return load("coco", "val", Place(annotations=file))

    def test_by_names_that_mean_the_same(self, scenes: SceneSet) -> None:
        renamed = in_categories(scenes, ("dog", "sofa"))
        assert renamed.categories == renamed[0].categories == ("dog", "sofa")
        assert renamed.counts(ALL).tolist() == [[0, 1], [0, 0], [1, 0]]
        assert [len(scene.boxes) for scene in renamed] == [1, 0, 1]

    @pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
    def test_masks_stay_with_their_objects(self, scenes: SceneSet) -> None:
        masks = [scene.masks() for scene in in_categories(scenes, ("dog", "sofa")) if scene.masks]
        assert [[int(mask.sum()) for mask in of_one] for of_one in masks] == [[1], [], [3]]

    def test_its_own_categories_change_nothing(self, scenes: SceneSet) -> None:
        assert in_categories(scenes, ("couch", "fork", "dog")) is scenes

    def test_a_category_that_nobody_annotated_cannot_be_counted(self, scenes: SceneSet) -> None:
        with pytest.raises(DataError, match="coco has no category 'cat', 'bus'; available: couch, fork, dog"):
            in_categories(scenes, ("cat", "dog", "bus"))

    def test_a_data_set_is_loaded_in_the_categories_asked_for(self, tmp_path: Path) -> None:
        root = write_voc(tmp_path / "voc", "dog", "sofa", "dog")
        assert load("voc2007", "train", Place(root, categories=("couch", "dog"))).counts(ALL).tolist() == [[1, 2]]


def test_a_data_sets_format_and_categories_are_known_unopened() -> None:
    families = {name: data_set.family for name, data_set in DATA_SETS.items()}
    assert families == {
        "voc2007": "voc", "voc2012": "voc", "voc": "voc", "coco2014": "coco", "coco2017": "coco", "coco": "coco",
    }  # fmt: skip
    sizes = {name: len(data_set.categories or ()) for name, data_set in DATA_SETS.items()}
    assert sizes == {"voc2007": 20, "voc2012": 20, "voc": 0, "coco2014": 80, "coco2017": 80, "coco": 0}
    assert [name for name, data_set in DATA_SETS.items() if data_set.is_own] == ["voc", "coco"]
    assert downloadable() == ["voc2007", "coco2014"]


def test_an_unknown_data_set_is_told_the_nearest() -> None:
    with pytest.raises(
        DataError, match=r"unknown data set 'voc207': did you mean 'voc2007'\? Available: voc2007, voc2012"
    ):
        find_data_set("voc207")


def test_what_is_not_there_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for set_it in (False, True):
        if set_it:
            monkeypatch.setenv("COUNTING_DATA", str(tmp_path))
        else:
            monkeypatch.delenv("COUNTING_DATA", raising=False)
        for data in set(DATA_SETS) - {"voc", "coco"}:
            line = refusal(data, "train")
            assert ("no such folder" if set_it else "set COUNTING_DATA") in line
            assert "--root" in line
            assert (f"counting download {data}" in line) == (data in downloadable())


def test_downloads_go_where_they_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTING_DATA", str(tmp_path))
    write_voc(tmp_path / "VOCdevkit/VOC2007", "dog")
    write_coco(tmp_path / "coco" / "annotations" / "instances_train2014.json")
    assert len(load("voc2007", "train")) == 1
    assert len(load("coco2014", "train")) == 3
    shutil.rmtree(tmp_path / "coco")
    assert "no such folder" in refusal("coco2014", "train")


@pytest.mark.parametrize(
    ("data", "split", "place", "says"),
    [
        ("imagenet", "train", USUAL, "available: voc2007, voc2012, coco2014, coco2017, voc, coco"),
        ("voc", "train", USUAL, "--root"),
        ("coco", "train", USUAL, "--root"),
        ("voc", "train", Place(Path("nowhere")), "nowhere: no such folder"),
        ("coco2017", "test", Place(Path()), "available: train, val"),
        ("coco2014", "trainval", Place(Path()), "did you mean 'train'? Available: train, val, test"),
        ("coco2014", "val", Place(annotations=Path("boxes.json")), "coco, not coco2014"),
        ("voc", "val", Place(annotations=Path("boxes.json")), "coco, not voc"),
        ("voc", "val", Place(Path(), images=Path("photos")), "JPEGImages"),
        ("coco", "val", Place(annotations=Path("nowhere.json")), "nowhere.json: no such annotation file"),
    ],
)
def test_requests_that_cannot_be_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: str, split: str, place: Place, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert says in refusal(data, split, place)
