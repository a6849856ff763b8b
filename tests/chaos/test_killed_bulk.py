"""`counting predict --workers 2`, killed at random moments and resumed, writes the table of an undisturbed run."""

from pathlib import Path

import pytest
from killed_runs import KilledRuns, parts_of
from tiny import save_tiny_counter, write_photos

PHOTOS = 2000


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_killed_run_resumes_to_the_table_of_an_undisturbed_one(tmp_path: Path, ending: str) -> None:
    counter, photos = save_tiny_counter(tmp_path), write_photos(tmp_path / "photos", PHOTOS)
    (photos / "0100.jpg").write_bytes(b"broken")
    undisturbed, killed = tmp_path / f"undisturbed.{ending}", tmp_path / f"killed.{ending}"
    runs = KilledRuns(tmp_path, photos, "--counter", counter, "--workers", 2)
    whole = runs.finish(undisturbed)
    left = runs.kill_and_resume(killed, (0.2, whole / 2), seed=ending)
    assert killed.read_bytes() == undisturbed.read_bytes()
    assert not parts_of(killed).exists()
    print(f"{ending}: {len(left)} kills; an undisturbed run took {whole:.1f} s")
