"""A release: the wheel, installed into an empty environment with what it depends on, does what the README says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCENES = """
from pathlib import Path
from counting_datasets.generated import write_scenes
write_scenes(Path("demo/scenes"), train=12, val=8, test=4)
"""
LARGEST_WHEEL = 100_000_000
"""Largest size of the wheel in bytes; package registries refuse larger files."""
LARGEST_BESIDE_TORCH = 900_000_000
"""Largest size in bytes of what is installed beside torch, whose CPU builds take 500 to 700 million more."""
SIZE_BESIDE_TORCH = """
import importlib.metadata, re
files = [
    file.locate()
    for one in importlib.metadata.distributions()
    if not re.match("(torch$|triton|nvidia|cuda)", one.name)
    for file in one.files or ()
]
print(sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc"))
"""


class Installed:
    """An environment of its own with the wheel in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "environment" / "bin"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "COUNTING_DATA", "VIRTUAL_ENV")
        } | {"COUNTING_CACHE": str(folder / "cache")}

    def run(self, *command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def counting(self, *words: str | Path) -> str:
        return self.run(self.bin / "counting", *words)


def uv() -> str:
    found = shutil.which("uv")
    if found is None:
        pytest.skip("needs uv, which installs gigabytes from its cache in a minute: pip install uv")
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    installer = uv()
    empty = Installed(tmp_path_factory.mktemp("release"))
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", empty.folder / "dist"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (empty.folder / "dist").iterdir()
    assert wheel.stat().st_size < LARGEST_WHEEL
    empty.run(installer, "venv", "--python", sys.executable, empty.bin.parent)
    empty.run(installer, "pip", "install", "--python", empty.bin / "python", wheel)
    shutil.copy(ROOT / "docs" / "photos" / "astronaut.jpg", empty.folder / "photo.jpg")
    return empty


@pytest.mark.slow
def test_an_installed_wheel_counts_asks_and_explains(installed: Installed) -> None:
    assert "photo" in installed.counting("predict", "photo.jpg", "--out", "counts.parquet", "--draw", "drawn")
    assert installed.counting("ask", "photo.jpg", "how many people are there?")
    installed.counting("questions", "photo.jpg")
    installed.counting("explain", "photo.jpg", "--category", "person", "--out", "why")
    for file in ("counts.parquet", "drawn/photo.png", "why/photo-person.npy"):
        assert (installed.folder / file).is_file(), file


@pytest.mark.slow
def test_an_installed_wheel_brings_little_beside_torch(installed: Installed) -> None:
    size = int(installed.run(installed.bin / "python", "-c", SIZE_BESIDE_TORCH))
    assert 100_000_000 < size < LARGEST_BESIDE_TORCH


@pytest.mark.slow
def test_an_installed_wheel_trains_the_demo(installed: Installed) -> None:
    installed.run(installed.bin / "python", "-c", SCENES)
    installed.counting("train", "demo", "optimization.epochs=2", "optimization.views=1")
    assert (installed.folder / "runs" / "demo" / "report.html").is_file()
    scored = installed.counting("evaluate", "runs/demo", "--data", "voc", "--root", "demo/scenes", "--json")
    assert "mRMSE" in json.loads(scored)
