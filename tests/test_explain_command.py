"""counting explain: the files that it writes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import tiny_config

from counting.cli import main
from counting.networks.checkpoint import build, save

NAMES = ("sofa", "a/b", "a_b", "..", "été à la plage", "x" * 300, "Dog", "dog")


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """A counter of categories that are no file names."""
    path = tmp_path / "own.safetensors"
    config = tiny_config(tmp_path)
    save(build(config, NAMES), config, path)
    return path


def test_each_category_has_files_of_its_own_whatever_it_is_called(
    counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, out = tmp_path / ("p" * 240 + ".png"), tmp_path / "out" / "deeper"
    Image.new("RGB", (40, 30), (200, 30, 30)).save(photo)
    categories = [part for name in NAMES for part in ("--category", name)]
    assert main(["explain", str(photo), *categories, "--counter", str(counter), "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["category"] for one in found] == list(NAMES)
    files = [Path(file) for one in found for file in one["files"]]
    assert len({file.name.casefold() for file in files}) == len(files) == 3 * len(NAMES)
    assert {file.parent for file in files} == {out}
    assert sorted(out.iterdir()) == sorted(files)
    assert all(np.load(file).shape == (30, 40) for file in files if file.suffix == ".npy")


def test_a_category_named_twice_is_explained_once(
    counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 30)).save(photo)
    asked = ["--category", "couch", "--category", "sofa", "--counter", str(counter), "--out", str(tmp_path)]
    assert main(["explain", str(photo), *asked, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert [Path(file).name for file in found["files"]] == [
        "photo-sofa.npy",
        "photo-sofa.png",
        "photo-sofa-figure.png",
    ]
