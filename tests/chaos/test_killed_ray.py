"""`counting predict --engine ray`, killed at random moments and resumed: the table of an undisturbed run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killed_runs import KILLS, KilledRuns, parts_of
from ray_cluster import two_worker_nodes
from tiny import save_tiny_counter, write_photos

PHOTOS = 4000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_worker_nodes() as cluster:
        yield cluster


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_table_of_an_undisturbed_one(cluster: Any, tmp_path: Path) -> None:
    counter, photos = save_tiny_counter(tmp_path), write_photos(tmp_path / "photos", PHOTOS)
    (photos / "0100.jpg").write_bytes(b"broken")
    undisturbed, killed = tmp_path / "undisturbed.parquet", tmp_path / "killed.parquet"
    runs = KilledRuns(tmp_path, photos, "--counter", counter, "--engine", "ray", "--address", cluster.address)
    whole = runs.finish(undisturbed)
    left = runs.kill_and_resume(killed, (whole / 3, whole), seed="ray")
    assert len(left) >= KILLS / 2
    assert any(left), "every kill came before the first part was saved"
    assert killed.read_bytes() == undisturbed.read_bytes()
    assert not parts_of(killed).exists()
    print(f"{len(left)} kills, with {left} parts saved; an undisturbed run took {whole:.1f} s")
