"""docs/reference/formats.md: its Python reads what is written, and its examples have the keys of real results."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from counting.inputs.photo_sources import PhotoSource
from counting.predictor.count_result import CountResult
from counting.stats.best_guess import best_guesses
from counting.tables.count_table import CountTable
from counting.tables.table_files import write_table

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "formats.md"
CELLS = np.arange(8, dtype=np.float32).reshape(4, 2) / 10
DISTRIBUTION = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]], dtype=np.float32)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def located_result() -> CountResult:
    return CountResult(
        path=Path("7.jpg"),
        size=(4, 3),
        categories=("cat", "dog"),
        cells=CELLS,
        _guesses=best_guesses(CELLS.sum(axis=0), DISTRIBUTION),
        _distribution=DISTRIBUTION,
        _points=[np.ones((1, 3)), np.ones((2, 3))],
        _source=PhotoSource.of(Image.new("RGB", (4, 3))),
    )


def test_its_python_reads_the_arrays_of_a_parquet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells, distribution = np.stack([CELLS, CELLS + 1]), np.stack([DISTRIBUTION, DISTRIBUTION[::-1]])
    table = CountTable(("a", "b"), ("cat", "dog"), cells.sum(axis=1), cells, distribution=distribution)
    write_table(table, tmp_path / "counts.parquet")
    monkeypatch.chdir(tmp_path)
    (snippet,) = blocks("python")
    read: dict[str, Any] = {}
    exec(compile(snippet, PAGE.name, "exec"), read)
    assert read["categories"] == ["cat", "dog"]
    np.testing.assert_array_equal(read["cells"], cells)
    np.testing.assert_array_equal(read["distribution"], distribution)
    np.testing.assert_allclose(read["at_least_one"], [[0.8, 0.9], [0.9, 0.8]], atol=1e-6)


def test_its_json_examples_have_the_keys_of_a_result() -> None:
    row, result = map(json.loads, blocks("json"))
    found = located_result().to_dict()
    assert list(result) == list(found)
    assert list(row) == list(found["rows"][0])
