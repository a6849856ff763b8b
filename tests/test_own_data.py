"""`counting evaluate` on people's own annotations: the figures that a hand count of the objects gives."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from counting.cli import main
from counting.networks.config import Config
from counting.training.data import load_data
from counting_datasets.errors import CountingError

BOX = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>"
SIZE = "<size><width>64</width><height>48</height></size>"
APPLE, PEAR = (f"<object><name>{name}</name>{BOX}</object>" for name in ("apple", "pear"))
TWO_APPLES, A_PEAR = f"<annotation>{SIZE}{APPLE}{APPLE}</annotation>", f"<annotation>{SIZE}{PEAR}</annotation>"
FRUIT = (math.sqrt(2) + math.sqrt(1 / 2)) / 2
"""always-0's mRMSE where one photo has two apples and another a pear: 1.0607."""


def voc(root: Path, p1: str = TWO_APPLES, p2: str | None = A_PEAR, listing: str | None = "p1\np2\n") -> Path:
    files = {"Annotations/p1.xml": p1, "Annotations/p2.xml": p2, "ImageSets/Main/val.txt": listing}
    files |= {"JPEGImages/p1.jpg": "", "JPEGImages/p2.jpg": ""}
    for name, content in files.items():
        if content is not None:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content.encode("gb18030" if "gb2312" in content else "utf-8"))
    return root


def coco(root: Path, **changes: Any) -> Path:
    """Two apples in a.jpg, a pear in b.jpg."""
    things = [(1, 1, 1), (2, 1, 1), (3, 2, 2)]
    content = {
        "images": [
            {"id": n, "file_name": f"{name}.jpg", "width": 64, "height": 48} for n, name in enumerate("ab", 1)
        ],
        "annotations": [
            {"id": n, "image_id": image, "category_id": category, "bbox": [1, 2, 10, 12]}
            for n, image, category in things
        ],
        "categories": [{"id": 1, "name": "apple"}, {"id": 2, "name": "pear"}],
    } | changes
    (root / "annotations").mkdir(parents=True)
    (root / "annotations" / "instances_val.json").write_text(json.dumps(content))
    return root


def evaluate(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["evaluate", *map(str, arguments), "--split", "val", "--json"]) == 0
    results: dict[str, Any] = json.loads(capsys.readouterr().out)
    return results


def many_boxes(number: int) -> str:
    return f"<annotation>{SIZE}<object><name>car</name>{BOX * number}</object></annotation>"


@pytest.mark.parametrize(
    ("options", "figure"),
    [
        ({}, FRUIT),
        ({"p1": many_boxes(3), "p2": many_boxes(1)}, math.sqrt(5)),
        ({"p1": f"<annotation>{SIZE}<objects>{APPLE}{APPLE}</objects></annotation>"}, FRUIT),
        ({"p1": TWO_APPLES.replace("apple", "caf\u00e9", 1).replace("apple", "cafe\u0301")}, FRUIT),
        (
            {"p1": TWO_APPLES.replace("apple", "Apple", 1), "p2": A_PEAR.replace("pear", "apple ")},
            math.sqrt(5 / 2),
        ),
        ({"p1": '<?xml version="1.0" encoding="gb2312"?>' + TWO_APPLES.replace("apple", "苹果")}, FRUIT),
        ({"p1": "\ufeff" + TWO_APPLES.replace("><", ">\r\n<")}, FRUIT),
        ({"listing": None}, FRUIT),
        ({"listing": "p1.jpg\np2.jpg\n"}, FRUIT),
    ],
    ids=["plain", "boxes", "wrapped", "composed", "case", "gb2312", "byte order mark", "no lists", "endings"],
)
def test_voc_as_tools_write_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict[str, str | None], figure: float
) -> None:
    results = evaluate(capsys, "always-0", "--data", "voc", "--root", voc(tmp_path, **options))
    assert results["mRMSE"] == pytest.approx(figure)
    assert results["images"] == 2


def test_a_photo_without_annotation_is_empty_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("always-0", "--data", "voc", "--root", voc(tmp_path, p2=None))
    assert main(["evaluate", *map(str, place), "--split", "val"]) == 2
    assert "to count it as empty, set --unannotated-are-empty" in capsys.readouterr().err
    assert evaluate(capsys, *place, "--unannotated-are-empty")["mRMSE"] == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("categories", ["apple, pear", "apple,pear,", " apple ,, pear"])
def test_categories_with_spaces_and_commas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], categories: str
) -> None:
    place = ("--data", "voc", "--root", voc(tmp_path), "--categories", categories)
    assert evaluate(capsys, "always-0", *place)["mRMSE"] == pytest.approx(FRUIT)


@pytest.mark.parametrize(
    ("pair", "figure"),
    [(("bike", "bicycle"), FRUIT), (("apple", "Apple"), FRUIT), (("tv", "television"), FRUIT)],
)
def test_own_categories_of_similar_names_are_evaluated_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pair: tuple[str, str], figure: float
) -> None:
    root = coco(tmp_path, categories=[{"id": n, "name": name} for n, name in enumerate(pair, 1)])
    results = evaluate(capsys, "always-0", "--data", "coco", "--root", root)
    assert results["mRMSE"] == pytest.approx(figure)
    assert set(results["per_category"]) == set(pair)


def test_windows_paths_join_with_counts_by_stem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [
        {"id": n, "file_name": f"images\\{name}.jpg", "width": 64, "height": 48} for n, name in enumerate("ab", 1)
    ]
    root = coco(tmp_path / "data", images=images)
    (tmp_path / "counts.csv").write_text("image,apple,pear\na,2,0\nb,0,1\n")
    assert evaluate(capsys, tmp_path / "counts.csv", "--data", "coco", "--root", root)["mRMSE"] == 0


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--data", "voc207", "did you mean 'voc2007'?"),
        ("--split", "vla", "did you mean 'val'?"),
        ("--categories", "aple", "did you mean 'apple'?"),
        ("--root", "a" * 300, "too long"),
    ],
)
def test_a_typo_is_told_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, says: str
) -> None:
    options = {"--data": "coco", "--root": coco(tmp_path), "--split": "val"} | {option: value}
    arguments = [str(part) for pair in options.items() for part in pair]
    try:
        code = main(["evaluate", "always-0", *arguments])
    except SystemExit as exited:
        code = int(exited.code or 0)
    error = capsys.readouterr().err
    assert code == 2
    assert says in error
    assert error.count("\n") == 1


def configured(**data: object) -> Config:
    return Config.model_validate({"counter": "aso_sub", "data": data})


def test_a_configuration_divides_photos_without_lists(tmp_path: Path) -> None:
    root = voc(tmp_path, listing=None)
    data = load_data(configured(name="voc", root=root, train="train:50/50:1", val="val:50/50:1"))
    assert data.val is not None
    assert {scene.id for scene in (*data.train, *data.val)} == {"p1", "p2"}
    assert (len(data.train), len(data.val)) == (1, 1)


def test_a_configuration_divides_one_annotation_file(tmp_path: Path) -> None:
    file = coco(tmp_path) / "annotations" / "instances_val.json"
    data = load_data(configured(name="coco", annotations=file, train="train:50/50", val="val:50/50"))
    assert data.val is not None
    assert {scene.id for scene in (*data.train, *data.val)} == {"a", "b"}


def test_a_counter_is_never_validated_on_the_photos_it_is_trained_on(tmp_path: Path) -> None:
    root = voc(tmp_path, listing=None)
    with pytest.raises(CountingError, match="the same photos; divide them: train: train:80/20"):
        load_data(configured(name="voc", root=root, train="train", val="val"))
