"""CountTables in files: what is written comes back, and what others write is read."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from counting.tables.count_table import CountTable
from counting.tables.table_files import read_table, write_table
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES


def images_only(images: tuple[str, ...]) -> CountTable:
    """Image i has i cats."""
    return CountTable(images, ("cat",), np.arange(len(images), dtype=float)[:, None])


def with_cells(cells: int = 4) -> CountTable:
    counts = np.array([[0.1, 2.5, 1 / 3], [1e-17, 40.0, 0.0]])
    parts = np.random.default_rng(0).random((2, cells, 3), dtype=np.float32)
    return CountTable(("000004", "party, 2"), ("cat", "traffic light", "cells"), counts, parts)


@settings(deadline=None)  # the first file to be written imports pyarrow
@given(counts=arrays(np.float64, (2, 3), elements=st.floats(0, 1e6, allow_subnormal=True)))
@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_counts_come_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, ending: str, counts: Any) -> None:
    path = tmp_path_factory.mktemp("counts") / f"counts.{ending}"
    written = CountTable(("000004", 'a "b", ü'), ("cat", "traffic light", "image"), counts)
    write_table(written, path)
    read = read_table(path)
    assert (read.images, read.categories, read.cells) == (written.images, written.categories, None)
    assert read.counts.tobytes() == written.counts.tobytes()


@pytest.mark.parametrize(("ending", "cells"), [("parquet", 4), ("parquet", 6), ("json", 4)])
def test_cells_come_back_bit_for_bit(tmp_path: Path, ending: str, cells: int) -> None:
    path = tmp_path / f"counts.{ending}"
    written = with_cells(cells)
    write_table(written, path)
    read = read_table(path)
    assert (read.images, read.categories) == (written.images, written.categories)
    assert read.cells is not None
    assert written.cells is not None
    assert read.cells.tobytes() == written.cells.tobytes()


def with_distribution() -> CountTable:
    table = with_cells()
    distribution = np.random.default_rng(0).dirichlet(np.full(9, 0.5), size=(2, 3)).astype(np.float32)
    return replace(table, distribution=distribution)


def test_distributions_come_back_bit_for_bit_from_parquet(tmp_path: Path) -> None:
    written = with_distribution()
    write_table(written, tmp_path / "counts.parquet")
    read = read_table(tmp_path / "counts.parquet")
    assert read.categories == written.categories
    assert read.cells is not None
    assert read.distribution is not None
    assert np.array_equal(read.cells, written.cells)
    assert np.array_equal(read.distribution, written.distribution)


def test_json_has_interval_and_distribution_without_its_tail(tmp_path: Path) -> None:
    written = with_distribution()
    sure = np.zeros((2, 3, 9), dtype=np.float32)
    sure[..., 2] = 1
    write_table(replace(written, distribution=sure), tmp_path / "sure.json")
    for row in json.loads((tmp_path / "sure.json").read_text()):
        assert row["interval"] == {"level": 0.8, "low": 2, "high": 2}
        assert row["distribution"] == [0, 0, 1]
    write_table(written, tmp_path / "counts.json")
    read = read_table(tmp_path / "counts.json")
    assert read.distribution is not None
    assert read.distribution == pytest.approx(written.distribution, abs=1.1e-4)


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_a_table_without_images_comes_back(tmp_path: Path, ending: str) -> None:
    empty = CountTable(
        (),
        ("cat", "dog"),
        np.zeros((0, 2)),
        cells=np.zeros((0, 9, 2), dtype=np.float32),
        distribution=np.zeros((0, 2, 5), dtype=np.float32),
    )
    write_table(empty, tmp_path / f"counts.{ending}")
    read = read_table(tmp_path / f"counts.{ending}")
    assert read.images == ()
    assert read.categories == (() if ending == "json" else empty.categories)
    if ending == "parquet":
        assert read.cells is not None
        assert read.distribution is not None
        assert (read.cells.shape, read.distribution.shape) == ((0, 9, 2), (0, 2, 5))


@pytest.mark.parametrize("probabilities", [[0.5, 0.5005, 0.0003], [1 / 3, 1 / 3, 1 / 3], [1, 5e-4, 0]])
def test_written_probabilities_sum_to_one_and_are_not_negative(tmp_path: Path, probabilities: list[float]) -> None:
    """A table admits sums that are off by less than a thousandth."""
    given = np.array([[probabilities]], dtype=np.float32)
    write_table(CountTable(("a",), ("cat",), np.ones((1, 1)), distribution=given), tmp_path / "a.json")
    (row,) = json.loads((tmp_path / "a.json").read_text())
    assert sum(row["distribution"]) == pytest.approx(1, abs=1e-9)
    assert min(row["distribution"]) >= 0
    read = read_table(tmp_path / "a.json").distribution
    assert read is not None
    assert np.pad(read[0, 0], (0, 3 - read.shape[2])) == pytest.approx(given[0, 0], abs=1.1e-3)


def test_json_keeps_the_folders_of_photos_of_one_name(tmp_path: Path) -> None:
    written = images_only(("100/IMG_1", "101/IMG_1", "000007"))
    names = {"100/IMG_1": "DCIM/100/IMG_1.jpg", "101/IMG_1": "DCIM/101/IMG_1.jpg", "000007": "DCIM/000007.png"}
    write_table(written, tmp_path / "a.json", names)
    assert read_table(tmp_path / "a.json").images == written.images


def test_csv_is_a_header_and_raw_counts(tmp_path: Path) -> None:
    write_table(with_cells(), tmp_path / "counts.csv")
    with (tmp_path / "counts.csv").open(newline="") as file:
        header, first, second = csv.reader(file)
    assert header == ["image", "cat", "traffic light", "cells"]
    assert first == ["000004", "0.1", "2.5", "0.3333333333333333"]
    assert second[0] == "party, 2"


def test_json_has_a_row_for_every_image_and_category(tmp_path: Path) -> None:
    written = with_cells()
    write_table(written, tmp_path / "counts.json", file_names={"party, 2": "party, 2.png"})
    rows = json.loads((tmp_path / "counts.json").read_text())
    assert len(rows) == 6
    assert written.cells is not None
    cells = rows[1].pop("cells")
    assert rows[1] == {
        "image_id": 4,
        "file_name": "000004.jpg",
        "category_id": 2,
        "category": "traffic light",
        "count": 3,
        "count_raw": 2.5,
    }
    np.testing.assert_allclose(cells, written.cells[0, :, 1].reshape(2, 2))
    assert (rows[3]["image_id"], rows[3]["file_name"]) == ("party, 2", "party, 2.png")
    assert "cells" not in json.loads(json_text(tmp_path, with_cells(6)))[0]


def json_text(folder: Path, written: CountTable) -> str:
    write_table(written, folder / "again.json")
    return (folder / "again.json").read_text()


def test_json_of_others_is_read_by_file_name_number_and_category_id(tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    names = {42: "val2014/COCO_val2014_000000000042.jpg", 73: "val2014/COCO_val2014_000000000073.jpg"}
    path.write_text(
        json.dumps(
            [
                {"image_id": 42, "file_name": names[42], "category_id": 18, "category": "dog", "count": 2},
                {"image_id": 42, "file_name": names[42], "category_id": 1, "category": "person", "count": 0},
                {"image_id": 73, "file_name": names[73], "category_id": 1, "category": "person", "count": 5},
                {"image_id": 73, "file_name": names[73], "category_id": 18, "category": "dog", "count": 1},
            ]
        )
    )
    read = read_table(path)
    assert read.images == ("val2014/COCO_val2014_000000000042", "val2014/COCO_val2014_000000000073")
    assert read.numbers == ("42", "73")
    assert read.categories == ("person", "dog")
    assert read.counts.tolist() == [[0, 2], [5, 1]]


def test_parquet_of_others_is_read(tmp_path: Path) -> None:
    theirs = pa.table({"image": [4, 5], "cat": [1, 2], "dog": pa.array([0.5, 0], pa.float32())})
    pq.write_table(theirs, tmp_path / "theirs.parquet")
    read = read_table(tmp_path / "theirs.parquet")
    assert (read.images, read.categories) == (("4", "5"), ("cat", "dog"))
    assert read.counts.tolist() == [[1, 0.5], [2, 0]]


@pytest.mark.parametrize(
    ("split", "images", "objects", "first"),
    [
        ("voc2007_counts.npz:test", 4952, 14976, "1"),
        ("voc2007_counts.npz:train", 2501, 7844, "12"),
        ("coco2014_counts.npz:val", 20252, 146255, "42"),
        ("coco2014_counts.npz:test", 20252, 147485, "290981"),
    ],
)
def test_the_papers_splits(data_root: Path, split: str, images: int, objects: int, first: str) -> None:
    read = read_table(f"{data_root}/ceos/{split}")
    assert (len(read.images), read.counts.sum(), read.images[0]) == (images, objects, first)
    assert read.categories == (VOC_CATEGORIES if "voc" in split else COCO_CATEGORIES)


def test_endings_may_be_in_capitals_and_tabs_may_have_their_own(tmp_path: Path) -> None:
    for name in ("COUNTS.CSV", "counts.Parquet", "counts.JSON"):
        write_table(images_only(("a", "b")), tmp_path / name)
        assert read_table(tmp_path / name).counts.tolist() == [[0], [1]]
    (tmp_path / "counts.tsv").write_text("image\tcat\na\t3\n")
    assert read_table(tmp_path / "counts.tsv").counts.tolist() == [[3]]


def test_a_file_with_a_colon_in_its_name_is_read(tmp_path: Path) -> None:
    for name in ("10:30.csv", "counts.npz:val.csv"):
        write_table(images_only(("a", "b")), tmp_path / name)
        assert read_table(tmp_path / name).images == ("a", "b")
    np.savez(tmp_path / "10:30.NPZ", val_counts=np.ones((1, 20)), val_ids=np.array([7]))
    (tmp_path / "10:30.NPZ.npz").rename(tmp_path / "10:30.NPZ")
    assert read_table(f"{tmp_path}/10:30.NPZ:val").images == ("7",)


def test_the_name_of_a_file_need_not_be_text(tmp_path: Path) -> None:
    odd = images_only((b"caf\xe9".decode(errors="surrogateescape"), "b"))
    for ending in ("csv", "parquet", "json"):
        write_table(odd, tmp_path / f"counts.{ending}")
        assert read_table(tmp_path / f"counts.{ending}").counts.tolist() == [[0], [1]]
