"""`counting predict` killed with SIGKILL at random moments: no torn file, and the next run counts the same."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from counting.tables.table_files import read_table
from counting_datasets.generated.writing import draw_scene

KILLS = 50
PHOTOS = 40
OUTPUTS = ("counts.csv", "counts.json", "counts.parquet")


def start(out: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "counting.cli",
        "predict",
        "photos",
        "--out",
        out,
        "--draw",
        out.parent / "drawn",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def files(folder: Path) -> dict[str, bytes]:
    whole = (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".partial-"))
    return {str(file.relative_to(folder)): file.read_bytes() for file in whole}


def check_whole(folder: Path) -> None:
    for name in files(folder):
        if name.endswith(".png"):
            Image.open(folder / name).load()
        else:
            assert len(read_table(str(folder / name)).images) == PHOTOS


@pytest.mark.slow
def test_a_killed_prediction_leaves_whole_files_and_is_repeated_bit_by_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for number in range(PHOTOS):
        draw_scene(number).image.save(f"photos/{number:03}.jpg")
    chance = random.Random(0)
    kills = 0
    for output in OUTPUTS:
        began = time.monotonic()
        assert start(Path("undisturbed", output)).wait() == 0
        whole = time.monotonic() - began
        killed = Path("killed", output)
        for _ in range(-(-KILLS // len(OUTPUTS))):
            process = start(killed)
            time.sleep(chance.uniform(0.05, whole))
            os.kill(process.pid, signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
            check_whole(killed.parent)
            killed.unlink(missing_ok=True)
        assert start(killed).wait() == 0
    assert files(Path("killed")) == files(Path("undisturbed"))
    print(f"{kills} kills; an undisturbed run took {whole:.1f} s")
