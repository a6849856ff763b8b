"""The command predict, in this process, with a tiny counter: names, files, what is said and what is left out."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import CATEGORIES, tiny_config

from counting.cli import main
from counting.networks.checkpoint import build, save
from counting.stats.count_distribution import Calibration
from counting.tables.table_files import read_table


@pytest.fixture
def counter(tmp_path: Path) -> Path:
    """A calibrated counter of red and blue things, not trained."""
    config = tiny_config(tmp_path)
    torch.manual_seed(1)
    path = tmp_path / "counter.safetensors"
    weights = torch.tensor([[0.0, 1.0, 0.5, 0.0, 1.0, 0.0]]).repeat(2, 1)
    save(build(config, CATEGORIES), config, path, calibration=Calibration(weights, 20))
    return path


def photo(path: Path, colour: str = "red") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 24), colour).save(path, "PNG")
    return path


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """Two folders of a camera's card with photos of the same name, and a clip."""
    folder = tmp_path / "DCIM"
    photo(folder / "100" / "IMG_0001.jpg", "red"), photo(folder / "101" / "IMG_0001.jpg", "blue")
    (folder / "101" / "clip.mov").write_bytes(b"")
    return folder


def predict(*arguments: object) -> int:
    return main(["predict", *map(str, arguments)])


def test_photos_of_the_same_name_are_told_apart_in_every_file(
    camera: Path, counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["100/IMG_0001", "101/IMG_0001"]
    for ending in ("csv", "json", "parquet"):
        out = tmp_path / f"counts.{ending}"
        assert predict(camera, "--counter", counter, "--out", out, "--draw", tmp_path / "drawn") == 0
        assert list(read_table(out).images) == keys
        shown, said = capsys.readouterr()
        assert "100/IMG_0001.jpg" in shown
        assert f"wrote {out}" in shown.replace("\n", "")
        assert "left out 1 file that is not a photo: 1 .mov" in said
    assert all((tmp_path / "drawn" / f"{key}.png").is_file() for key in keys)
    rows = json.loads((tmp_path / "counts.json").read_text(encoding="utf-8"))
    assert {row["file_name"] for row in rows} == {"100/IMG_0001.jpg", "101/IMG_0001.jpg"}


def test_files_hold_the_same_raw_counts_and_json_the_best_guess_of_the_table(
    camera: Path, counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = []
    for ending in ("csv", "json", "parquet"):
        predict(camera, "--counter", counter, "--out", tmp_path / f"counts.{ending}")
        tables.append(read_table(tmp_path / f"counts.{ending}").counts)
    assert tables[1] == pytest.approx(tables[0])
    assert tables[2] == pytest.approx(tables[0])
    capsys.readouterr()
    assert predict(camera, "--counter", counter, "--json") == 0
    for row in json.loads(capsys.readouterr().out):
        assert row["count"] == np.floor(row["count_raw"] + 0.5)
        assert row["probability"] == pytest.approx(1 - row["distribution"][0], abs=1e-5)


def test_under_the_table_stands_all_that_the_counter_knows(
    camera: Path, counter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(camera, "--counter", counter) == 0
    assert "this counter counts 2 categories and nothing else: blue, red" in capsys.readouterr().out


def test_unreadable_photos_are_named_and_the_rest_is_counted(
    camera: Path, counter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (camera / "100" / "broken.jpg").write_bytes(b"no image")
    assert predict(camera, "--counter", counter, "--workers", 2) == 0
    assert "broken.jpg: empty, or not an image of a known format" in capsys.readouterr().err
    assert predict(camera / "100" / "broken.jpg", "--counter", counter) == 2
    said = capsys.readouterr().err
    assert "skipped" in said
    assert said.splitlines()[-1] == "counting predict: none of the photos could be read"


def test_nothing_is_written_if_no_photo_can_be_read(counter: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    for ending in ("csv", "json", "parquet"):
        out = tmp_path / f"none.{ending}"
        assert predict(tmp_path / "broken.jpg", "--counter", counter, "--out", out) == 2
        assert not out.exists()


@pytest.mark.parametrize("argument", ["", " "])
@pytest.mark.parametrize("place", ["photos", "--counter", "--out", "--draw"])
def test_an_empty_argument_is_refused_wherever_a_name_is_taken(
    camera: Path, place: str, argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [argument] if place == "photos" else [str(camera), place, argument]
    assert predict(*arguments) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_paths_come_from_standard_input(
    camera: Path, counter: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{camera / '101'}\n{camera / '100' / 'IMG_0001.jpg'}\n"))
    assert predict("-", "--counter", counter, "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["image_id"] for row in rows[::2]] == ["101/IMG_0001", "100/IMG_0001"]


def test_a_long_run_without_a_terminal_says_how_far_it_is(
    counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("counting.utils.progress.LINE_EVERY", 2)
    for number in range(5):
        photo(tmp_path / "many" / f"{number}.jpg")
    assert predict(tmp_path / "many", "--counter", counter) == 0
    said = capsys.readouterr().err
    assert "counting: 2 of 5" in said
    assert "counting: 4 of 5" in said


def test_more_photos_than_a_screen_holds_are_counted_in_one_line(
    counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("counting.commands.predict_outputs.SHOWN_ROWS", 3)
    for number in range(5):
        photo(tmp_path / "many" / f"{number}.jpg")
    assert predict(tmp_path / "many", "--counter", counter) == 0
    assert "and 2 more photos; write all with --out counts.csv" in capsys.readouterr().out


def test_ray_is_asked_for_where_it_is_not_installed(
    camera: Path, counter: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert predict(camera, "--counter", counter, "--engine", "ray") == 2
    assert "--engine ray needs Ray: pip install 'everyday-counting[ray]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--address", "auto"], "--address needs --engine ray"),
        (["--engine", "ray", "--draw", "drawn"], "--draw does not work with --engine ray"),
        (["--resume"], "--resume needs --out FILE"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    camera: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(camera, *options) == 2
    assert says in capsys.readouterr().err
