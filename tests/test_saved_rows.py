"""Long runs: saved in parts, resumed where they were interrupted, and only for the same request."""

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from tiny import save_tiny_counter, write_photos

from counting.bulk import saved_rows
from counting.bulk.row_parts import read_part, write_part
from counting.bulk.rows import NamedPhoto, Row, count_rows
from counting.bulk.saved_rows import SavedRows
from counting.cli import main
from counting.inputs.photo_sources import PhotoSource
from counting.tables.count_table import CountTable
from counting.tables.table_files import read_table

PHOTOS = 70


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_counter(tmp_path_factory.mktemp("counter"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", PHOTOS)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 16 photos."""
    monkeypatch.setattr(saved_rows, "SMALLEST_PART", 16)


def predict(*arguments: object) -> int:
    return main(["predict", *map(str, arguments)])


class Interrupted:
    """Counts like ``count_rows``, up to a Ctrl-C after ``photos`` photos; records what it counts."""

    def __init__(self, photos: int) -> None:
        self.left = photos
        self.counted: list[str] = []

    def __call__(self, counter: object, photos: Sequence[NamedPhoto], **options: object) -> Generator[Row]:
        for row in count_rows(counter, photos, **options):  # type: ignore[arg-type]
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            self.counted.append(row.image)
            yield row


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_a_resumed_run_counts_only_what_is_missing_and_writes_the_same_file(
    counter: Path, photos: Path, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "0003.jpg").write_bytes(b"broken")
    request = [photos, "--counter", counter, "--workers", 1]
    assert predict(*request, "--out", tmp_path / f"whole.{ending}") == 0
    first, second = Interrupted(40), Interrupted(PHOTOS)
    out = tmp_path / f"counts.{ending}"
    for interrupted, code, resume in ((first, 130, []), (second, 0, ["--resume"])):
        monkeypatch.setattr("counting.commands.predict.count_rows", interrupted)
        assert predict(*request, "--out", out, *resume) == code
        assert out.exists() == (code == 0)
    assert second.counted == [f"{n:04}" for n in range(32, PHOTOS)]
    assert out.read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir() if "part" in file.name) == []


def test_a_resumed_run_prints_the_photos_that_were_counted_before(
    counter: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    request = [photos, "--counter", counter, "--workers", 1, "--json"]
    assert predict(*request) == 0
    whole = capsys.readouterr().out
    monkeypatch.setattr("counting.commands.predict.count_rows", Interrupted(40))
    assert predict(*request, "--out", tmp_path / "counts.csv") == 130
    monkeypatch.undo()
    capsys.readouterr()
    assert predict(*request, "--out", tmp_path / "counts.csv", "--resume") == 0
    assert capsys.readouterr().out == whole


@pytest.fixture
def interrupted(counter: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The request of a run that was interrupted after two parts."""
    monkeypatch.setattr("counting.commands.predict.count_rows", Interrupted(40))
    request = [photos, "--counter", counter, "--out", tmp_path / "counts.csv"]
    assert predict(*request) == 130
    monkeypatch.setattr("counting.commands.predict.count_rows", count_rows)
    return request


def refused(request: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert predict(*request, "--resume") == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_another_counter_is_not_resumed(
    interrupted: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_tiny_counter(tmp_path, seed=2)
    line = refused([*interrupted, "--counter", other], capsys)
    assert "counts.csv.parts have another name" in line
    assert "leave out --resume" in line


def test_other_weights_of_the_same_name_are_not_resumed(
    interrupted: list[object], counter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = counter.read_bytes()
    try:
        counter.write_bytes(save_tiny_counter(tmp_path, seed=2).read_bytes())
        assert "have another weights" in refused(interrupted, capsys)
    finally:
        counter.write_bytes(before)


def test_another_list_of_photos_is_not_resumed(
    interrupted: list[object], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "0000.jpg").rename(photos / "zero.jpg")
    assert "another list of photos" in refused(interrupted, capsys)
    (photos / "zero.jpg").unlink()
    assert "another list of photos: 70, now 69" in refused(interrupted, capsys)


def test_other_outputs_are_not_resumed(
    interrupted: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "another draw" in refused([*interrupted, "--draw", tmp_path / "drawn"], capsys)


def test_a_run_that_is_not_resumed_starts_again(
    interrupted: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Interrupted(PHOTOS)
    monkeypatch.setattr("counting.commands.predict.count_rows", again)
    assert predict(*interrupted) == 0
    assert len(again.counted) == PHOTOS
    assert not (tmp_path / "counts.csv.parts").exists()


def test_resume_without_anything_to_resume_counts_everything(counter: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "counts.csv"
    assert predict(photos / "0000.jpg", "--counter", counter, "--out", out, "--resume") == 0
    assert read_table(out).images == ("0000",)


def test_resume_needs_a_file(counter: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(photos, "--counter", counter, "--resume") == 2
    assert "--resume needs --out FILE" in capsys.readouterr().err


def test_other_files_in_the_folder_of_parts_are_left_alone(counter: Path, photos: Path, tmp_path: Path) -> None:
    note = tmp_path / "counts.csv.parts" / "note.txt"
    note.parent.mkdir()
    note.write_text("mine")
    assert predict(photos, "--counter", counter, "--out", tmp_path / "counts.csv") == 0
    assert [file.name for file in note.parent.iterdir()] == ["note.txt"]


def row(image: str, *, locates: bool = True) -> Row:
    random = np.random.default_rng(len(image))
    cells = random.random((1, 4, 2), dtype=np.float32)
    spread = random.dirichlet(np.ones(3), (1, 2)).astype(np.float32)
    table = CountTable((image,), ("cat", "dog"), cells.sum(1), cells, distribution=spread if locates else None)
    return Row(image, f"{image}.jpg", "1 cat", (("left", "1 cat"), ("a\tb\n", "no dogs")), '{"a": 1}', table=table)


def test_rows_come_back_from_a_part_exactly(tmp_path: Path) -> None:
    written = [row("a"), Row("b", "b\udc80.jpg", error="no image", json="{}"), row("x/\udc80 ü")]
    write_part(written, tmp_path / "part.parquet")
    read = list(read_part(tmp_path / "part.parquet"))
    for one, other in zip(read, written, strict=True):
        names = ("image", "file_name", "text", "regions", "json", "error")
        assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]
        assert (one.table is None) == (other.table is None)
        for array in ("counts", "cells", "distribution"):
            assert np.array_equal(one.numbers(array), other.numbers(array))  # type: ignore[arg-type]


def test_a_part_of_unreadable_photos_comes_back(tmp_path: Path) -> None:
    write_part([Row("b", "b.jpg", error="no image")], tmp_path / "part.parquet")
    assert [row.error for row in read_part(tmp_path / "part.parquet")] == ["no image"]


def test_the_size_of_parts_is_kept_when_a_run_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [NamedPhoto(PhotoSource.of(f"{n}.jpg"), f"{n}.jpg", str(n)) for n in range(40)]

    def count(some: Sequence[NamedPhoto]) -> Generator[Row]:
        yield from (row(photo.image) for photo in some)

    saved = SavedRows.open(tmp_path / "parts", photos, {}, resume=False)
    first = [next(rows).image for rows in [iter_rows(saved, count)] for _ in range(20)]
    monkeypatch.setattr(saved_rows, "SMALLEST_PART", 8)
    resumed = SavedRows.open(tmp_path / "parts", photos, {}, resume=True)
    assert [one.image for one in resumed.count(count)] == [str(n) for n in range(40)]
    assert first == [str(n) for n in range(20)]
    assert len(list((tmp_path / "parts").glob("part-*"))) == 3


def iter_rows(saved: SavedRows, count: saved_rows.Count) -> Iterator[Row]:
    return saved.count(count)
