"""The pages about own photos, a Roboflow export and points: followed from top to bottom, as written."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from scripts import load_script

from counting.cli import main

ROOT = Path(__file__).parents[1]
Box = tuple[int, int, int, int]


@pytest.fixture(scope="module")
def shelf() -> ModuleType:
    """The example that draws shelves."""
    return load_script("examples/shelf.py")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTING_CACHE", str(tmp_path / "cache"))
    return tmp_path


def steps(page: str) -> Iterator[tuple[str, str]]:
    """(language, text) of a page's blocks; of its shell blocks, the lines."""
    text = (ROOT / "docs" / "how_to" / page).read_text(encoding="utf-8")
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        for part in block.splitlines() if language == "sh" else [block]:
            yield language, part


def follow(page: str) -> None:
    """Do what a page says in the current folder."""
    for language, text in steps(page):
        if language == "python":
            exec(compile(text, page, "exec"), {})
        elif language == "yaml":
            Path(text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
        elif language == "sh":
            command, *words = shlex.split(text)
            if command == "unzip":
                archive, _, target = words
                shutil.unpack_archive(archive, target)
            else:
                assert command == "counting", text
                assert main(words) == 0, text


def score(capsys: pytest.CaptureFixture[str], *words: str) -> float:
    capsys.readouterr()
    assert main(["evaluate", *words, "--data", "coco", "--json"]) == 0
    return float(json.loads(capsys.readouterr().out)["mRMSE"])


def roboflow_split(
    objects: list[list[tuple[str, Box]]], names: list[str], categories: list[str]
) -> dict[str, Any]:
    """The instances file of a split, as Roboflow writes it: class 0 is named after the project."""
    top = {"id": 0, "name": "shelf", "supercategory": "none"}
    classes = [{"id": n, "name": name, "supercategory": "shelf"} for n, name in enumerate(categories, 1)]
    boxes = [
        (photo, categories.index(name) + 1, [x0, y0, x1 - x0, y1 - y0])
        for photo, things in enumerate(objects)
        for name, (x0, y0, x1, y1) in things
    ]
    return {
        "images": [{"id": n, "file_name": name, "width": 288, "height": 288} for n, name in enumerate(names)],
        "categories": [top, *classes],
        "annotations": [
            {"id": n, "image_id": photo, "category_id": category, "bbox": box, "iscrowd": 0, "segmentation": []}
            for n, (photo, category, box) in enumerate(boxes)
        ],
    }


def test_a_roboflow_export_becomes_a_counter_that_beats_always_0(
    shelf: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    for split, number in (("train", 16), ("valid", 8), ("test", 8)):
        place = folder / "export" / split
        place.mkdir(parents=True)
        drawn = [shelf.draw_shelf(rng) for _ in range(number)]
        names = [f"IMG_{n:04}_jpg.rf.{rng.integers(2**32):08x}.jpg" for n in range(number)]
        for name, (picture, _) in zip(names, drawn, strict=True):
            picture.save(place / name)
        content = roboflow_split([things for _, things in drawn], names, sorted(shelf.PRODUCTS))
        (place / "_annotations.coco.json").write_text(json.dumps(content))
    shutil.make_archive("shelf.v1i.coco", "zip", folder / "export")
    follow("roboflow.md")
    assert "ignoring category 'shelf'" in caplog.text
    data = ("--root", "shelf", "--split", "test")
    learned, zeros = (score(capsys, what, *data) for what in ("runs/shelf", "always-0"))
    assert learned < 0.8 * zeros
    assert (folder / "report" / "report.html").is_file()
    assert (folder / "counts.csv").read_text().startswith("image,can,carton,jar\n")


def test_points_become_a_counter_that_beats_always_0(
    shelf: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    photos = folder / "photos"
    photos.mkdir()
    marked = ElementTree.Element("annotations")
    for number in range(40):
        picture, products = shelf.draw_shelf(rng) if number else (Image.new("RGB", (288, 288), "tan"), [])
        picture.save(photos / f"shelf_{number:02}.jpg")
        image = ElementTree.SubElement(marked, "image", id=str(number), name=f"shelf_{number:02}.jpg")
        for name in shelf.PRODUCTS:
            centres = [f"{(x0 + x1) / 2},{(y0 + y1) / 2}" for this, (x0, y0, x1, y1) in products if this == name]
            if centres:
                ElementTree.SubElement(image, "points", label=name, points=";".join(centres))
    ElementTree.ElementTree(marked).write(folder / "annotations.xml")
    follow("points.md")
    data = ("--annotations", "points.json", "--images", "photos", "--split", "test:80/10/10")
    learned, zeros = (score(capsys, what, *data) for what in ("runs/points", "always-0"))
    assert learned < 0.8 * zeros
    assert len((folder / "counts.csv").read_text().splitlines()) == 41
