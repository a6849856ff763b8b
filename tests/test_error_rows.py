"""Files with photos that could not be counted: a row with the error for each, which readers of counts skip."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from tiny import save_tiny_counter

from counting.cli import main
from counting.tables.table_files import read_table
from counting_datasets.errors import DataError

ERROR = "empty, or not an image of a known format"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The photo 2 is broken; 1 and 3 are not."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("1.png", "3.png"):
        Image.new("RGB", (32, 24)).save(folder / name)
    (folder / "2.png").write_bytes(b"broken")
    return folder


def predict(photos: Path, out: Path) -> Path:
    assert main(["predict", str(photos), "--counter", str(save_tiny_counter(out.parent)), "--out", str(out)]) == 0
    return out


def test_a_csv_file_has_an_empty_row_with_the_error(photos: Path, tmp_path: Path) -> None:
    with predict(photos, tmp_path / "counts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["1", "2", "3"]
    assert rows[1] == {"image": "2", "blue": "", "red": "", "error": ERROR}
    assert float(rows[0]["red"]) >= 0
    assert rows[0]["error"] == ""


def test_a_parquet_file_has_nulls_and_the_error(photos: Path, tmp_path: Path) -> None:
    table = pq.read_table(predict(photos, tmp_path / "counts.parquet"))
    assert table.column_names == ["image", "blue", "red", "cell_counts", "distribution", "error"]
    assert table["error"].to_pylist() == [None, ERROR, None]
    for name in table.column_names[1:-1]:
        assert [value is None for value in table[name].to_pylist()] == [False, True, False]
    assert b"counting.cell_counts" in table.schema.metadata


def test_a_json_file_has_an_object_with_the_error(photos: Path, tmp_path: Path) -> None:
    rows = json.loads(predict(photos, tmp_path / "counts.json").read_text(encoding="utf-8"))
    assert rows[2] == {"file_name": "2.png", "error": ERROR}
    assert [row["file_name"] for row in rows] == ["1.png", "1.png", "2.png", "3.png", "3.png"]


def test_without_an_error_there_is_no_column_of_errors(photos: Path, tmp_path: Path) -> None:
    (photos / "2.png").unlink()
    assert pq.read_table(predict(photos, tmp_path / "counts.parquet")).column_names[-1] == "distribution"
    assert predict(photos, tmp_path / "counts.csv").read_text().startswith("image,blue,red\n")


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_readers_of_counts_leave_the_errors_out(
    photos: Path, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = predict(photos, tmp_path / f"counts.{ending}")
    table = read_table(out)
    assert (table.images, table.categories) == (("1", "3"), ("blue", "red"))
    truth = tmp_path / "truth.csv"
    truth.write_text("image,blue,red\n1,0,0\n3,0,0\n")
    capsys.readouterr()
    assert main(["evaluate", str(out), "--truth", str(truth), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 2


def test_a_category_called_error_is_still_a_category(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("image,cat,error\n1,0,2\n2,1,0\n")
    assert read_table(tmp_path / "counts.csv").categories == ("cat", "error")
    (tmp_path / "counts.csv").write_text("image,cat,error\n1,0,2\n2,1,none\n")
    with pytest.raises(DataError, match="the count of 'error' is 'none'"):
        read_table(tmp_path / "counts.csv")
