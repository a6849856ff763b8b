"""The photos that a person names: folders, patterns and standard input; what they are called; what is left out."""

import io
from pathlib import Path

import pytest
from PIL import Image

from counting.commands.photo_arguments import file_names, find_photos, photo_ids
from counting_datasets.errors import CountingError


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path, "PNG")
    return path


def called(*places: object) -> list[str]:
    return photo_ids(file_names(find_photos([str(place) for place in places]).paths))


def test_photos_of_one_folder_are_called_by_their_names_without_endings(tmp_path: Path) -> None:
    photo(tmp_path / "000004.jpg"), photo(tmp_path / "000007.JPG")
    assert called(tmp_path) == ["000004", "000007"]


def test_photos_of_the_same_name_are_called_by_their_paths_from_the_common_folder(tmp_path: Path) -> None:
    for folder in ("100", "101"):
        photo(tmp_path / "DCIM" / folder / "IMG_0001.jpg")
    assert called(tmp_path) == ["100/IMG_0001", "101/IMG_0001"]
    assert called(tmp_path / "DCIM" / "100", tmp_path / "DCIM" / "101") == ["100/IMG_0001", "101/IMG_0001"]
    assert called(tmp_path / "DCIM" / "101" / "IMG_0001.jpg") == ["IMG_0001"]


def test_photos_that_differ_by_their_endings_keep_them(tmp_path: Path) -> None:
    for name in ("x.jpg", "x.png", "y.png"):
        photo(tmp_path / name)
    assert called(tmp_path) == ["x.jpg", "x.png", "y"]
    assert photo_ids(["x", "x.jpg", "x.jpg.png"]) == ["x", "x.jpg", "x.jpg.png"]
    assert photo_ids(["a.b/x.jpg", "a.b/x.tar.png"]) == ["a.b/x", "a.b/x.tar"]


def test_a_photo_named_twice_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(tmp_path / "a.jpg")
    monkeypatch.chdir(tmp_path)
    assert called("a.jpg", "./a.jpg", tmp_path, "*.jpg", "../" + tmp_path.name) == ["a"]


def test_hidden_and_stray_files_are_left_out_and_linked_folders_are_not(tmp_path: Path) -> None:
    for name in (".thumbnails/a.jpg", ".Trash/b.jpg", "@eaDir/c.jpg", "__MACOSX/._d.jpg", "._e.jpg"):
        photo(tmp_path / "photos" / name)
    photo(tmp_path / "photos" / "a.jpg"), photo(tmp_path / "elsewhere" / "s.jpg")
    (tmp_path / "photos" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert called(tmp_path / "photos") == ["a", "link/s"]


def test_files_that_are_no_photos_are_counted_in_one_line(tmp_path: Path) -> None:
    photo(tmp_path / "a.heic")
    for name in ("clip.MP4", "other.mp4", "notes.txt", "README"):
        (tmp_path / name).write_bytes(b"")
    found = find_photos([str(tmp_path)])
    assert [path.name for path in found.paths] == ["a.heic"]
    assert found.note() == "left out 4 files that are not photos: 2 .mp4, 1 without an extension, 1 .txt"
    (tmp_path / "a.heic").unlink()
    with pytest.raises(CountingError, match=r"no photo found \(left out 4 files"):
        find_photos([str(tmp_path)])


@pytest.mark.parametrize("place", ["", " ", "\t"])
def test_an_empty_argument_is_refused_not_taken_for_the_working_directory(place: str) -> None:
    with pytest.raises(CountingError, match="empty path"):
        find_photos([place])


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\0"])
def test_paths_are_read_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separator: str
) -> None:
    paths = [str(photo(tmp_path / "with space.jpg")), str(photo(tmp_path / "sub" / "b.jpg"))]
    monkeypatch.setattr("sys.stdin", io.StringIO(separator.join([*paths, ""])))
    assert called("-") == ["with space", "sub/b"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(CountingError, match="contains no paths"):
        find_photos(["-"])


def test_brackets_and_stars_in_a_name_are_no_pattern_where_the_file_exists(tmp_path: Path) -> None:
    photo(tmp_path / "café ñ [1].jpg")
    assert called(tmp_path / "café ñ [1].jpg") == ["café ñ [1]"]
    assert called(tmp_path / "caf*.jpg") == ["café ñ [1]"]
    with pytest.raises(CountingError, match="no photo found"):
        find_photos([str(tmp_path / "*.tiff")])
