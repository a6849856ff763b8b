"""Files of counts that are broken: one line of error that names the file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counting.tables.count_table import CountTable
from counting.tables.table_files import read_table, write_table
from counting_datasets.errors import CountingError, DataError

ONE_CAT = CountTable(("a",), ("cat",), np.ones((1, 1)))


def rows(*rows: dict[str, Any]) -> str:
    """JSON rows that say one cat in image 4, but for what each changes."""
    return json.dumps([{"image_id": 4, "category": "cat", "count": 1, **row} for row in rows])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "empty file"),
        ("a.csv", "000004,1,2\n", "line 1: no header"),
        ("a.csv", "image,cat\na,1\nb,two\n", "line 3: the count of 'cat' is 'two', not a number"),
        ("a.csv", "image,cat\na,nan\n", "line 2: the count of 'cat' is 'nan'"),
        ("a.csv", "image,cat\na,\n", "line 2: the count of 'cat' is ''"),
        ("a.csv", "image,cat,dog\na,1\n", "line 2: 2 fields, but the header has 3"),
        ("a.csv", "image,cat\na,1\na,2\n", "line 3: duplicate image id 'a'"),
        ("a.csv", "image,cat,cat\na,1,2\n", "duplicate category 'cat'"),
        ("a.csv", b"image,cat\n\xff\xfe,1\n", "not text in UTF-8 or UTF-16"),
        ("a.csv", 'image,cat\n"a,1\n' + "x" * 200_000, "not CSV"),
        ("a.parquet", "image,cat\na,1\n", "not a Parquet file"),
        ("a.json", '[{"image_id": 4,\n', "line 2: not JSON"),
        ("a.json", "[" * 100_000, "nested too deep"),
        ("a.json", "{}", "not a list of one object"),
        ("a.json", b"\xff\xfe[", "not text in UTF-8 or UTF-16"),
        ("a.json", "[1" + "0" * 5000 + "]", "with a number that is too long"),
        ("a.json", '[{"image_id": 4, "bbox": [1, 2, 3, 4]}]', "row 1: not an object with"),
        ("a.json", rows({"image_id": None}), "row 1: needs `image_id`"),
        ("a.json", rows({}, {"image_id": 5, "count": None}), "row 2: `count` is None"),
        ("a.json", rows({"count": float("nan")}), "row 1: `count` is nan"),
        ("a.json", rows({"count": True}), "row 1: `count` is True"),
        ("a.json", rows({}, {}), "row 2: duplicate count of 'cat' for image '4'"),
        ("a.json", rows({}, {"image_id": 5, "category": "dog"}), "image '4' has no finite count of 'dog'"),
        ("a.json", rows({"cells": [[1, 2]]}), "row 1: `cells` is not a square"),
        ("a.json", rows({"cells": [[1]]}, {"image_id": 5}), "`cells` of the same grid"),
        ("a.json", rows({"category_id": "7"}), "row 1: `category_id` is '7'"),
        ("a.json", rows({"category_id": 7}, {"category_id": 7, "category": "dog"}), "two categories"),
        ("a.npz", "not a zip", "corrupt or truncated .npz"),
        ("a.txt", "image,cat\na,1\n", "counts are read from .csv"),
    ],
)
def test_a_broken_file_is_one_line_that_names_it(
    tmp_path: Path, name: str, text: str | bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"breed": ["a"], "cat": [1]}, "the first column must be `image`"),
        ({"image": ["a"], "cat": ["many"]}, "column 'cat' contains values that are not numbers"),
        ({"image": ["a", "b"], "cat": [1, None]}, "column 'cat' contains values that are not numbers"),
        ({"image": ["a", "a"], "cat": [1, 2]}, "duplicate image id 'a'"),
        ({"image": ["a"]}, "at least one category"),
    ],
)
def test_parquet_without_counts_is_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / "a.parquet")


def test_parquet_whose_cells_do_not_fit_is_refused(tmp_path: Path) -> None:
    theirs = pa.table({"image": ["a"], "cat": [1.0], "cell_counts": [[1.0, 2.0]]})
    pq.write_table(theirs.replace_schema_metadata({"counting.cell_counts": "4"}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column 'cell_counts' does not contain 4 numbers per category"):
        read_table(tmp_path / "a.parquet")


@pytest.mark.parametrize(
    ("saved", "split", "message"),
    [
        ({"val_counts": np.ones((1, 20)), "val_ids": np.ones(1)}, ":test", "no split 'test'.*'val'"),
        ({"val_counts": np.ones((1, 20)), "val_ids": np.ones(1)}, "", "a.npz:SPLIT"),
        ({"val_counts": np.ones((1, 7)), "val_ids": np.ones(1)}, ":val", "7 categories"),
        ({"val_counts": np.ones((2, 20)), "val_ids": np.ones(1)}, ":val", "one row for each"),
        ({"val_counts": np.array(["x"] * 20)[None], "val_ids": np.ones(1)}, ":val", "must contain numbers"),
    ],
)
def test_npz_without_the_split_is_refused(tmp_path: Path, saved: Any, split: str, message: str) -> None:
    np.savez(tmp_path / "a.npz", **saved)
    with pytest.raises(DataError, match=message):
        read_table(f"{tmp_path}/a.npz{split}")


def test_npz_cut_short_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", val_counts=np.random.default_rng(0).integers(9, size=(99, 20)))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"corrupt or truncated \.npz"):
        read_table(f"{tmp_path}/a.npz:val")


def test_a_file_that_is_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(DataError, match="counts are written to"):
        write_table(ONE_CAT, tmp_path / "a.xlsx")
    (tmp_path / "file").write_text("")
    with pytest.raises(CountingError, match="cannot write"):
        write_table(ONE_CAT, tmp_path / "file" / "a.csv")


@pytest.mark.parametrize("key", ["count", "cells", "distribution"])
def test_a_number_beyond_the_largest_float_is_refused(tmp_path: Path, key: str) -> None:
    huge = 10**400
    row = {"image_id": "a", "category": "dog", "count": 1, "cells": [[1]], "distribution": [0.5, 0.5]}
    row[key] = {"count": huge, "cells": [[huge]], "distribution": [huge, 0]}[key]
    file = tmp_path / "counts.json"
    file.write_text(json.dumps([row]))
    with pytest.raises(DataError, match=key):
        read_table(file)


def test_an_archive_with_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "counts.npz"
    np.savez(file, test_ids=np.array(["1"]), test_counts=np.zeros((1, 20)))
    content = bytearray(file.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = content.find(signature)
        while place >= 0:
            content[place + offset] = 99
            place = content.find(signature, place + 1)
    file.write_bytes(content)
    with pytest.raises(DataError, match="corrupt or truncated"):
        read_table(f"{file}:test")


def test_a_parquet_file_whose_names_are_no_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "counts.parquet"
    pq.write_table(pa.table({"image": ["1"], "zebra": [1.0]}), file)
    file.write_bytes(file.read_bytes().replace(b"zebra", b"z\x80bra"))
    with pytest.raises(DataError, match="not a Parquet file"):
        read_table(file)
