"""`counting predict` killed at 21 random moments and resumed each time: the files of an undisturbed run."""

import subprocess
import sys
from pathlib import Path

import pytest
from tiny import save_tiny_counter, write_photos

PHOTOS = 300
KILLS = 7

DRIVER = """
import os, random, resource, signal, sys
from counting.bulk import saved_rows
from counting.cli import main
import counting.commands.predict, pyarrow.parquet

saved_rows.SMALLEST_PART = 16
photos, counter, undisturbed, killed, kills = sys.argv[1:]

def run(out, *options, seconds=0.0):
    child = os.fork()
    if child == 0:
        if seconds:
            signal.setitimer(signal.ITIMER_PROF, seconds)  # the signal ends the process at once
        os._exit(main(["predict", photos, "--counter", counter, "--workers", "1", "--out", out, *options]))
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime

code, whole = run(undisturbed)
assert code == 0
chance = random.Random(undisturbed[-3:])
times = 0
while times < int(kills):
    code, _ = run(killed, "--resume", seconds=chance.uniform(0.001, whole / 2))
    assert code in (0, -signal.SIGPROF), code
    times += code != 0
assert run(killed, "--resume")[0] == 0
"""
"""Forks one process per run, so that each starts at once and dies after a random share of its processor time."""


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_run_killed_at_random_moments_ends_with_the_file_of_an_undisturbed_one(
    tmp_path: Path, ending: str
) -> None:
    photos = write_photos(tmp_path / "photos", PHOTOS)
    (photos / "0100.jpg").write_bytes(b"broken")
    undisturbed, killed = tmp_path / f"undisturbed.{ending}", tmp_path / f"killed.{ending}"
    files = [photos, save_tiny_counter(tmp_path), undisturbed, killed]
    command = [sys.executable, "-c", DRIVER, *map(str, files), str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert killed.read_bytes() == undisturbed.read_bytes()
    assert not killed.with_name(f"{killed.name}.parts").exists()
