"""`counting predict --workers 2`, killed at random moments and resumed, writes the table of an undisturbed run."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import save_tiny_counter, write_photos

KILLS = 20
PHOTOS = 2000

ERRORS = "errors.txt"


def start(folder: Path, out: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, whose processes can be found."""
    photos, counter = str(folder / "photos"), str(folder / "counter-1.safetensors")
    request = ["predict", photos, "--counter", counter, "--workers", "2", "--out", str(out)]
    return subprocess.Popen(
        [sys.executable, "-m", "counting.cli", *request, *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=(folder / ERRORS).open("ab"),
        start_new_session=True,
    )


def wait_for_the_end_of_session(session: int) -> None:
    """Return when no process of a session is left; the test fails if workers outlive their parent."""
    for _ in range(2400):
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("two minutes after the command was killed, processes that it started are still there")


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_killed_run_resumes_to_the_table_of_an_undisturbed_one(tmp_path: Path, ending: str) -> None:
    save_tiny_counter(tmp_path)
    write_photos(tmp_path / "photos", PHOTOS)
    (tmp_path / "photos" / "0100.jpg").write_bytes(b"broken")
    undisturbed, killed = tmp_path / f"undisturbed.{ending}", tmp_path / f"killed.{ending}"
    began = time.monotonic()
    assert start(tmp_path, undisturbed).wait() == 0
    whole = time.monotonic() - began
    chance = random.Random(ending)
    kills = 0
    for _ in range(KILLS):
        process = start(tmp_path, killed, "--resume")
        try:
            process.wait(chance.uniform(0.2, whole / 2))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        wait_for_the_end_of_session(process.pid)
    assert start(tmp_path, killed, "--resume").wait() == 0, (tmp_path / ERRORS).read_text()
    assert killed.read_bytes() == undisturbed.read_bytes()
    assert not killed.with_name(f"{killed.name}.parts").exists()
    print(f"{ending}: {kills} kills; an undisturbed run took {whole:.1f} s")
