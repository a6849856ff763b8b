"""Counting in worker processes: the same rows as in one process, also around photos that do harm."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from poison import Deadly, Failing, named
from tiny import save_tiny_counter, write_photos

from counting.bulk.processes import CHUNK, DIED, count_in_processes
from counting.bulk.rows import Contents, NamedPhoto, Row, count_rows
from counting.cli import main
from counting.predictor.predictor import load
from counting_datasets.errors import CountingError


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_counter(tmp_path_factory.mktemp("counter"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sorted(write_photos(tmp_path_factory.mktemp("many") / "photos", 3 * CHUNK + 1).iterdir())


def in_processes(counter: Path, photos: list[NamedPhoto], workers: int = 2) -> list[Row]:
    return list(
        count_in_processes(photos, options={"name": counter}, contents=Contents(json=True), workers=workers)
    )


def test_rows_come_in_order_and_equal_those_of_one_process(counter: Path, photos: list[Path]) -> None:
    many = named(*photos)
    expected = list(count_rows(load(counter), many, Contents(json=True), 1))
    rows = in_processes(counter, many)
    assert [row.image for row in rows] == [photo.image for photo in many]
    assert [(row.text, row.json, row.error) for row in rows] == [(row.text, row.json, "") for row in expected]
    for row, other in zip(rows, expected, strict=True):
        for array in ("counts", "cells", "distribution"):
            assert np.array_equal(row.numbers(array), other.numbers(array))


def test_a_photo_that_ends_its_process_costs_its_own_row_only(counter: Path, photos: list[Path]) -> None:
    rows = in_processes(counter, named(*photos[:5], Deadly("deadly.jpg"), Failing("failing.jpg"), *photos[5:9]))
    errors = {row.image: row.error for row in rows if row.error}
    assert errors == {"5": DIED, "6": "RuntimeError: no more memory"}
    assert len(rows) == 11


def test_photos_of_a_process_that_ended_by_chance_are_counted_again(
    counter: Path, photos: list[Path], tmp_path: Path
) -> None:
    rows = in_processes(counter, named(*photos[:3], Deadly("a.jpg", tmp_path / "ended"), photos[3]))
    assert (tmp_path / "ended").exists()
    assert [row.error for row in rows] == [""] * 5


def test_a_counter_that_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CountingError, match="no such weights file"):
        in_processes(tmp_path / "none.safetensors", named(tmp_path / "a.jpg"), workers=1)


def test_a_process_without_work_ends_with_a_parent_that_is_killed() -> None:
    killed = """
import os, signal
from counting.bulk.processes import one_process
print(one_process().submit(os.getpid).result(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    # its output is complete when no process is left that could write to it
    done = subprocess.run([sys.executable, "-c", killed], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip().isdigit(), done.stderr


def test_the_command_writes_the_same_files_with_workers(
    counter: Path, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counting.commands.predict.PAYS_FROM", 1)
    for workers in (1, 2):
        request = ["predict", *map(str, photos[:3]), "--counter", str(counter), "--workers", str(workers)]
        out = tmp_path / str(workers)
        assert main([*request, "--out", str(out / "counts.json"), "--draw", str(out)]) == 0
    files = {file.name: file.read_bytes() for file in (tmp_path / "1").iterdir()}
    assert set(files) == {"counts.json", "0000.png", "0001.png", "0002.png"}
    assert {file.name: file.read_bytes() for file in (tmp_path / "2").iterdir()} == files
