"""The tutorial: its commands and its Python run from top to bottom, as written."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from shell import Shell

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "docs" / "photos"
SETTING_UP = ("pip", "source", "python -m venv")
"""Lines that set up an environment, which the tests already have."""


@pytest.fixture
def reader(tmp_path: Path) -> Shell:
    """A reader's folder, with the photos that the tutorial asks for."""
    shutil.copy(PHOTOS / "astronaut.jpg", tmp_path / "photo.jpg")
    shutil.copytree(PHOTOS, tmp_path / "holiday")
    return Shell(tmp_path, timeout=1800)


def follow(page: str, reader: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what a page says: run its commands and Python, and write the files that it shows; `text` is output."""
    monkeypatch.chdir(reader.folder)
    text = (ROOT / "docs" / "tutorial" / page).read_text(encoding="utf-8")
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        if language == "python":
            exec(compile(block, page, "exec"), {})
        elif language == "yaml":
            (reader.folder / block.splitlines()[0].removeprefix("# ")).write_text(block, encoding="utf-8")
        elif language != "text":
            for line in block.replace("\\\n", " ").splitlines():
                if not line.startswith(SETTING_UP):
                    command, *words = shlex.split(line)
                    assert command == "counting", line
                    reader(*words)


def test_the_first_part_counts_asks_and_explains(reader: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    follow("count.md", reader, monkeypatch)
    written = {str(file.relative_to(reader.folder)) for file in reader.folder.rglob("*.*")}
    assert {"counts.csv", "counted.png", "drawn/holiday/cat.png", "why/photo-person.npy"} <= written


@pytest.mark.slow
def test_the_second_part_trains_a_counter_that_beats_always_0(
    reader: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow("train.md", reader, monkeypatch)
    out, _ = reader("evaluate", "runs/mine", "--data", "voc", "--root", "my-photos", "--json")
    zeros, _ = reader("evaluate", "always-0", "--data", "voc", "--root", "my-photos", "--json")
    assert json.loads(out)["mRMSE"] < json.loads(zeros)["mRMSE"]
    assert (reader.folder / "report" / "report.html").is_file()
