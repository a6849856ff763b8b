"""The example of a street corner: times of photos, the hourly table and the plot."""

import csv
import sys
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import ExifTags, Image
from tiny import CATEGORIES, tiny_config

import counting
from counting.networks.checkpoint import build, save
from counting.stats.count_distribution import Calibration


@pytest.fixture(scope="module")
def example() -> ModuleType:
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    import street_corner

    return street_corner


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated counter of red and blue things, not trained."""
    folder = tmp_path_factory.mktemp("counter")
    config = tiny_config(folder)
    weights = torch.tensor([[0.0, 1.0, 0.5, 0.0, 1.0, 0.0]]).repeat(2, 1)
    save(build(config, CATEGORIES), config, folder / "counter.safetensors", calibration=Calibration(weights, 20))
    return folder / "counter.safetensors"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two photos at eight with their time in EXIF, and one at nine with it in its name."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, time in (
        ("b.jpg", "2026:05:01 08:00:00"),
        ("a.jpg", "2026:05:01 08:30:00"),
        ("IMG_20260501_091500.jpg", ""),
    ):
        photo = Image.new("RGB", (64, 48), "red")
        exif = photo.getexif()
        if time:
            exif[ExifTags.Base.DateTime] = time
        photo.save(folder / name, exif=exif)
    return folder


def test_a_photo_has_the_time_of_its_exif_data_its_name_or_its_file(example: ModuleType, photos: Path) -> None:
    assert example.taken_at(photos / "b.jpg") == datetime(2026, 5, 1, 8)
    assert example.taken_at(photos / "IMG_20260501_091500.jpg") == datetime(2026, 5, 1, 9, 15)
    (photos / "none.jpg").write_bytes(b"")
    assert example.taken_at(photos / "none.jpg") == datetime.fromtimestamp((photos / "none.jpg").stat().st_mtime)


def test_a_day_of_photos_becomes_an_hourly_table_and_a_plot(
    example: ModuleType, photos: Path, counter: Path, tmp_path: Path
) -> None:
    options = [
        "--counter",
        str(counter),
        "--category",
        "red",
        "--category",
        "blue",
        "--out",
        str(tmp_path / "out"),
    ]
    assert example.main([str(photos), *options]) == 0
    with (tmp_path / "out" / "hours.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["hour"], row["category"], row["frames"]) for row in rows] == [
        ("2026-05-01 08:00", "red", "2"),
        ("2026-05-01 08:00", "blue", "2"),
        ("2026-05-01 09:00", "red", "1"),
        ("2026-05-01 09:00", "blue", "1"),
    ]
    for row in rows:
        assert 0 <= float(row["low"]) <= float(row["high"])
    with Image.open(tmp_path / "out" / "day.png") as plot:
        assert plot.width > 1000


def test_a_video_starts_when_it_is_said_to(
    example: ModuleType, counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av", reason="needs the package av")
    from tiny_video import write_video

    clip = write_video(tmp_path / "clip.mp4", [0, 100, 200])
    options = ["--every", "100ms", "--start", "2026-05-01T17:59", "--counter", str(counter), "--category", "red"]
    assert example.main([str(clip), *options, "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("2026-05-01 17:00   red ")


def test_what_cannot_be_counted_is_refused_in_one_line(
    example: ModuleType, photos: Path, counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, told in (
        ([tmp_path / "empty"], "no photos"),
        ([tmp_path / "missing.mp4"], "no such video"),
        ([photos, "--category", "rde"], "did you mean 'red'"),
    ):
        assert example.main([*map(str, arguments), "--counter", str(counter), "--out", str(tmp_path)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line


def test_photos_with_times_are_counted_from_python(counter: Path, photos: Path) -> None:
    pairs = [(0.0, photos / "b.jpg"), (1800.0, photos / "a.jpg")]
    moments = list(counting.over_time(counting.load(counter), pairs))
    assert [moment.seconds for moment in moments] == [0, 1800]
    assert moments[0].guesses.keys() == set(CATEGORIES)
    with pytest.raises(counting.CountingError, match="order of time"):
        list(counting.over_time(counting.load(counter), pairs[::-1]))
