"""CountTables in files, whole and broken."""

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
from counting_datasets.errors import CountingError, DataError


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


# CSV as spreadsheets write it

PLAIN = "image,cat,dog\na,2,0.5\nb,0,1\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        b"\xfe\xff" + PLAIN.encode("utf-16-be"),
        PLAIN.encode("utf-16-le"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";").replace(".", ","),
        PLAIN.replace(",", "\t").replace(".", ",").encode("utf-16"),
        "sep=;\r\n" + PLAIN.replace(",", ";"),
        *(PLAIN.replace("image", name) for name in ("Image", "file_name", "filename", "File Name", "ID")),
        '"image","cat","dog"\n"a","2","0.5"\n"b","0","1"\n',
        "image, cat, dog\n a , 2, .5\nb,0 ,1\n",
        "image,cat,dog,,\na,2,0.5,,\nb,0,1,,\n,,,,\n,,,,\n",
        "image,cat,dog,,\na,2,0.5\nb,0,1\n",
        "image,cat,dog\na,2,0.5,,\nb,0,1,,\n",
        "image,cat,,dog\na,2,,0.5\nb,0,,1\n",
        "\n".join(["image,cat,dog", "", "a,2,5e-1", "", "b,0.0,1."]),
        ",image,cat,dog\n0,a,2,0.5\n1,b,0,1\n",
        "Unnamed: 0,image,cat,dog\n0,a,2,0.5\n1,b,0,1\n",
    ],
)  # fmt: skip
def test_counts_are_read_as_spreadsheets_write_them(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / "counts.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    read = read_table(tmp_path / "counts.csv")
    assert (read.images, read.categories) == (("a", "b"), ("cat", "dog"))
    assert read.counts.tolist() == [[2, 0.5], [0, 1]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('image,cat\na,"2,5"\n', "line 2: the count of 'cat' is '2,5', not a number"),
        ("image;cat\na;1.234,5\n", "line 2: the count of 'cat' is '1.234,5'"),
        ("image,cat\na,1_000\n", "the count of 'cat' is '1_000'"),
        ("image,cat\na,True\n", "the count of 'cat' is 'True'"),
        ("image,cat\na,1e400\n", "the count of 'cat' is '1e400'"),
        ("image,cat\na,٣\n", "the count of 'cat' is '٣'"),
        ("image,cat,dog\na,1,\n", "line 2: the count of 'dog' is ''"),
        ("image,cat,\na,1,7\n", "line 2: column 3 contains '7', but has no header"),
        ("sep=;\nimage;cat\na;x\n", "line 3: the count of 'cat' is 'x'"),
        ("cat,dog\n1,2\n", "line 1: no header; it must be image,CATEGORY"),
    ],
)
def test_what_could_be_two_numbers_or_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "counts.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "counts.csv")
    assert message in str(caught.value)


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


# Broken files


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
        write_table(images_only(("a",)), tmp_path / "a.xlsx")
    (tmp_path / "file").write_text("")
    with pytest.raises(CountingError, match="cannot write"):
        write_table(images_only(("a",)), tmp_path / "file" / "a.csv")


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
