"""The command predict on videos: files, the plot, what is printed, and what a stopped run leaves."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tiny import CATEGORIES, tiny_config

pytest.importorskip("av", reason="needs the package av")
from tiny_video import write_sound, write_video

from counting.cli import main
from counting.commands import predict_video
from counting.commands.video_arguments import interval_seconds
from counting.commands.video_outputs import COLUMNS
from counting.networks.checkpoint import build, save
from counting.predictor.over_time import CountsOverTime, counted_frames
from counting.predictor.predictor import load
from counting.stats.count_distribution import Calibration


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated counter of red and blue things, not trained."""
    folder = tmp_path_factory.mktemp("counter")
    config = tiny_config(folder)
    torch.manual_seed(1)
    weights = torch.tensor([[0.0, 1.0, 0.5, 0.0, 1.0, 0.0]]).repeat(2, 1)
    save(build(config, CATEGORIES), config, folder / "counter.safetensors", calibration=Calibration(weights, 20))
    return folder / "counter.safetensors"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds that get brighter."""
    return write_video(tmp_path_factory.mktemp("clips") / "clip.mp4", range(0, 240, 6))


def predict(*arguments: object) -> int:
    return main(["predict", *map(str, arguments)])


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_frame_and_category_has_a_row_with_its_interval(
    clip: Path, counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "counts.csv"
    assert predict(clip, "--every", "1s", "--counter", counter, "--out", out) == 0
    rows = read(out)
    assert tuple(rows[0]) == COLUMNS
    assert [(row["seconds"], row["category"]) for row in rows] == [
        (f"{second}.0", category) for second in range(4) for category in CATEGORIES
    ]
    for row in rows:
        assert int(row["low"]) <= int(row["count"]) <= int(row["high"])
        assert int(row["frame_low"]) <= int(row["frame_high"])
        assert 0 <= float(row["probability"]) <= 1
    shown = capsys.readouterr().out
    assert "4 frames" in shown
    assert f"wrote {out}" in shown.replace("\n", "")


def test_json_has_the_rows_of_the_csv_file(
    clip: Path, counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(clip, "--every", "2s", "--counter", counter, "--out", tmp_path / "counts.csv", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert predict(clip, "--every", "2s", "--counter", counter, "--out", tmp_path / "counts.json") == 0
    assert json.loads((tmp_path / "counts.json").read_text(encoding="utf-8")) == printed
    for row, written in zip(printed, read(tmp_path / "counts.csv"), strict=True):
        assert row["interval"] == {"level": 0.8, "low": int(written["low"]), "high": int(written["high"])}
        assert row["expected"] == float(written["expected"])
        assert row["frame"]["count"] == int(written["frame_count"])


def test_a_single_frame_is_not_smoothed(clip: Path, counter: Path) -> None:
    predictor = load(counter)
    alone = predictor.count(Image.new("RGB", (32, 24), "red"))
    with CountsOverTime(predictor) as series:
        series.add(0.0, alone)
        (moment,) = series.smoothed()
    for category in CATEGORIES:
        assert moment.guesses[category].expected == pytest.approx(alone[category].expected, abs=1e-3)
        assert moment.guesses[category].interval == (alone[category].low, alone[category].high)


def test_the_plot_is_a_picture(clip: Path, counter: Path, tmp_path: Path) -> None:
    assert predict(clip, "--every", "500ms", "--counter", counter, "--plot", tmp_path / "plots" / "p.png") == 0
    with Image.open(tmp_path / "plots" / "p.png") as plot:
        assert plot.width > 1000


def test_what_was_counted_before_ctrl_c_is_written(
    clip: Path, counter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*arguments: Any) -> Iterator[Any]:
        frames = counted_frames(*arguments)
        yield next(frames)
        yield next(frames)
        raise KeyboardInterrupt

    monkeypatch.setattr(predict_video, "counted_frames", stopped)
    out = tmp_path / "counts.csv"
    assert predict(clip, "--every", "1s", "--counter", counter, "--out", out) == 130
    assert {row["seconds"] for row in read(out)} == {"0.0", "1.0"}
    assert capsys.readouterr().err.splitlines()[-1] == "counting predict: stopped"


def test_a_long_video_is_read_only_as_far_as_it_is_counted(counter: Path, tmp_path: Path) -> None:
    from counting.inputs.video import open_video

    clip = write_video(tmp_path / "long.mp4", [n % 250 for n in range(600)])
    with open_video(clip) as video:
        read = []
        frames = video.frames
        video.frames = lambda every: (read.append(frame) or frame for frame in frames(every))  # type: ignore
        next(counted_frames(load(counter), video, 0.1, workers=1))
        assert len(read) <= 2


def test_a_camera_is_answered_frame_by_frame(
    clip: Path, counter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict("--webcam", clip, "--counter", counter, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seconds"] for line in lines] == [0, 1, 2, 3]
    assert all({"counts", "text"} <= line.keys() for line in lines)
    assert predict("--webcam", clip, "--every", "2s", "--counter", counter) == 0
    assert capsys.readouterr().out.startswith("   0:00  ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "name photos, folders or patterns"),
        ("{clip}", "is a video; count it over time with --every 1s"),
        ("{clip} --plot p.png", "with --every 1s"),
        ("{clip} {clip} --every 1s", "one video at a time"),
        ("{clip} --every 1s --draw d", "--plot FILE.png"),
        ("{clip} --every 1s --region r.json", "is for photos"),
        ("{clip} --every 1s --engine ray", "is for photos"),
        ("{clip} --every 1s --out c.xlsx", "must end in .csv or .json"),
        ("{clip} --every 1s --plot p.gif", "must end in .png, .svg or .pdf"),
        ("{clip} --every 0s", "between 1ms and 24h"),
        ("{clip} --every soon", "not a length of time"),
        ("{clip} --webcam", "leave"),
        ("--webcam --out c.csv", "--webcam only prints"),
        ("--webcam /dev/no-camera", "camera /dev/no-camera: cannot be opened"),
        ("{sound} --every 1s", "contains no video"),
        ("{text} --every 1s", "cannot be opened as a video"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused_in_one_line(
    clip: Path, tmp_path: Path, arguments: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    places = {"clip": clip, "sound": write_sound(tmp_path / "sound.mp4"), "text": tmp_path / "text.mp4"}
    assert predict(*arguments.format(**places).split()) == 2
    out, err = capsys.readouterr()
    assert not out
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("2", 2), ("500ms", 0.5), ("0.5 s", 0.5), ("2m", 120), ("1min", 60), ("1h", 3600)],
)
def test_a_length_of_time_has_a_unit(text: str, seconds: float) -> None:
    assert interval_seconds(text) == seconds
