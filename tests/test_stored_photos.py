"""Photos in tar archives, Parquet files and remote storage: found, named, counted and refused."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tiny import save_tiny_counter

from counting.cli import main
from counting.commands.photo_arguments import file_names, find_photos, photo_ids
from counting.inputs.photo_sources import PhotoSource
from counting_datasets.errors import CountingError, PhotoError


def image(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(file, "PNG")
    return file.getvalue()


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return path


def parquet(path: Path, columns: dict[str, object], rows_per_group: int = 2) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=rows_per_group)
    return path


def called(*places: object) -> list[str]:
    return photo_ids(file_names(find_photos([str(place) for place in places]).paths))


def colours(*places: object) -> list[object]:
    """The colour of the first pixel of each photo."""
    found = find_photos([str(place) for place in places]).paths
    return [PhotoSource.of(photo).open().getpixel((0, 0)) for photo in found]


RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def remote() -> Iterator[str]:
    """A folder of two photos in fsspec's memory."""
    files = fsspec.filesystem("memory")
    files.pipe({"/bucket/a/1.png": image(), "/bucket/b/1.png": image("blue"), "/bucket/b/notes.txt": b""})
    files.pipe("/bucket/b/.hidden/2.png", image())
    yield "memory://bucket"
    files.rm("/bucket", recursive=True)


def test_photos_of_a_shard_are_called_by_their_keys(tmp_path: Path) -> None:
    shard = tar(tmp_path / "shard.tar", {"./1.jpg": image(), "1.json": b"{}", "2.jpg": image("blue")})
    assert called(shard) == ["1", "2"]
    assert colours(shard) == [RED, BLUE]
    assert find_photos([str(shard)]).note() == "left out 1 file that is not a photo: 1 .json"


def test_photos_of_several_shards_are_told_apart(tmp_path: Path) -> None:
    for number in range(2):
        tar(tmp_path / f"{number}.tar", {"1.jpg": image()})
    assert called(tmp_path / "*.tar") == ["0.tar/1", "1.tar/1"]


def test_of_members_of_the_same_name_the_last_counts(tmp_path: Path) -> None:
    shard = tmp_path / "shard.tar"
    with tarfile.open(shard, "w") as archive:
        for content in (image(), image("blue")):
            header = tarfile.TarInfo("1.jpg")
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    assert colours(shard) == [BLUE]


def test_photos_come_from_a_column_of_bytes(tmp_path: Path) -> None:
    photos = [image(), image("blue"), image()]
    file = parquet(tmp_path / "photos.parquet", {"file_name": ["x/a.png", "b.png", "b.png"], "image": photos})
    assert called(file) == ["x/a", "b.png", "b.png#2"]
    assert colours(file) == [RED, BLUE, RED]
    assert called(parquet(tmp_path / "nameless.parquet", {"image": photos})) == ["000000", "000001", "000002"]


def test_photos_come_from_a_column_of_hugging_face_images(tmp_path: Path) -> None:
    images = [{"bytes": image(), "path": "a.png"}, {"bytes": image("blue"), "path": None}]
    file = parquet(tmp_path / "photos.parquet", {"label": [1, 2], "image": images})
    assert called(file) == ["a", "000001"]
    assert colours(file) == [RED, BLUE]


def test_photos_come_from_a_column_of_paths_relative_to_the_file(tmp_path: Path, remote: str) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(image())
    paths = ["photos/a.png", str(tmp_path / "photos" / "a.png"), f"{remote}/b/1.png"]
    assert colours(parquet(tmp_path / "list.parquet", {"path": paths})) == [RED, BLUE]


def test_photos_come_from_remote_folders_patterns_and_shards(tmp_path: Path, remote: str) -> None:
    assert called(remote) == ["a/1", "b/1"]
    assert colours(f"{remote}/") == [RED, BLUE]
    assert find_photos([remote]).note() == "left out 1 file that is not a photo: 1 .txt"
    assert colours(f"{remote}/b/*.png") == [BLUE]
    assert colours(f"{remote}/a/1.png") == [RED]
    shard = tar(tmp_path / "shard.tar", {"1.jpg": image("blue")})
    fsspec.filesystem("memory").pipe("/bucket/shard.tar", shard.read_bytes())
    assert called(f"{remote}/shard.tar") == ["1"]
    assert colours(f"{remote}/*.tar") == [BLUE]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("broken.tar", b"x" * 1000, "broken.tar: not a readable uncompressed tar archive"),
        ("empty.tar", b"", "not a readable uncompressed tar archive"),
        ("broken.parquet", b"x" * 1000, "broken.parquet: not a readable Parquet file"),
        ("none.tar", None, "none.tar: no such file"),
        ("none.parquet", None, "none.parquet: no such file"),
    ],
)
def test_broken_archives_are_refused_in_a_line(
    name: str, content: bytes | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CountingError, match=says) as refused:
        find_photos([str(tmp_path / name)])
    assert "\n" not in str(refused.value)


def test_a_compressed_shard_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "shard.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("1.jpg"))
    with pytest.raises(CountingError, match="not a readable uncompressed tar archive"):
        find_photos([str(tmp_path / "shard.tar")])


def test_a_truncated_shard_is_refused(tmp_path: Path) -> None:
    shard = tar(tmp_path / "shard.tar", {"1.jpg": image(), "2.jpg": image() * 99})
    shard.write_bytes(shard.read_bytes()[:4000])
    with pytest.raises(CountingError, match=r"not a readable uncompressed tar archive \(unexpected end"):
        find_photos([str(shard)])


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"a": [1], "b": [2.5]}, "no column of photos: name a column of image bytes `image`"),
        ({"a": ["x"], "b": ["y"]}, "no column of photos"),
        ({"path": ["a.jpg", None]}, "row 2 has no path"),
        ({"path": pa.array([], pa.string())}, "no photo found"),
    ],
)
def test_a_table_without_photos_is_refused(columns: dict[str, object], says: str, tmp_path: Path) -> None:
    with pytest.raises(CountingError, match=says):
        find_photos([str(parquet(tmp_path / "table.parquet", columns))])


@pytest.mark.parametrize("place", ["nosuch://bucket/a.jpg", "memory://nothing/*.jpg"])
def test_storage_that_cannot_be_opened_is_refused(place: str) -> None:
    with pytest.raises(CountingError, match=r"nosuch://bucket/a.jpg: cannot open nosuch URLs|no photo found"):
        find_photos([place])


def test_bad_photos_in_archives_are_named(tmp_path: Path) -> None:
    shard = tar(tmp_path / "shard.tar", {"1.jpg": image(), "2.jpg": b"broken"})
    file = parquet(tmp_path / "photos.parquet", {"image": [image(), None]})
    bad = [*find_photos([str(shard)]).paths[1:], *find_photos([str(file)]).paths[1:]]
    for photo, says in zip(bad, ("2.jpg: empty, or not an image", "000001: no bytes in this row"), strict=True):
        with pytest.raises(PhotoError, match=says):
            PhotoSource.of(photo).open()
    with pytest.raises(PhotoError, match=r"memory://none.jpg: no such photo"):
        PhotoSource.of(find_photos(["memory://none.jpg"]).paths[0]).open()


def test_the_command_counts_them_all_and_has_a_row_for_each_error(
    tmp_path: Path, remote: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = tar(tmp_path / "shard.tar", {"1.jpg": image(), "2.jpg": b"broken"})
    out = tmp_path / "counts.json"
    request = ["predict", remote, str(shard), "--counter", str(save_tiny_counter(tmp_path)), "--out", str(out)]
    assert main(request) == 0
    rows = json.loads(out.read_text(encoding="utf-8"))
    names = [row["file_name"] for row in rows if row.get("category") != "red"]
    assert [name.rpartition("/")[2] for name in names] == ["1.png", "1.png", "1.jpg", "2.jpg"]
    assert rows[-1]["error"] == "empty, or not an image of a known format"
    assert "shard.tar/2.jpg: empty, or not an image" in capsys.readouterr().err
