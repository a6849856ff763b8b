"""Folders of photos: hidden and stray files are data nowhere."""

from pathlib import Path

import pytest

from counting_datasets.photo_files import file_names, find_photos, is_photo_name, is_stray


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return folder


def found(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_photos(folder)]


@pytest.mark.parametrize(
    "path",
    [
        "._p1.jpg", ".DS_Store", ".thumbnails/a.jpg", ".Trash/b.jpg", ".Trashes/501/b.jpg",
        ".Trash-1000/files/b.jpg",
        ".ipynb_checkpoints/a-checkpoint.jpg", ".git/a.png", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
        "#recycle/a.jpg",
        "@Recycle/a.jpg", "@__thumb/a.jpg", "__MACOSX/a.jpg", "x/__MACOSX/._a.jpg", "Thumbs.db", "THUMBS.DB",
        "desktop.ini", "$RECYCLE.BIN/a.jpg", "System Volume Information/a.jpg", "lost+found/a.jpg",
        "LOST.DIR/a.jpg",
        "~$boxes.xml",
    ],
)  # fmt: skip
def test_hidden_files_and_leftovers_are_stray(path: str) -> None:
    assert is_stray(path)


@pytest.mark.parametrize(
    "path", ["a.jpg", "DCIM/100/a.jpg", "../photos/a.jpg", "./a.jpg", "trash/a.jpg", "a..jpg"]
)
def test_photos_are_not_stray(path: str) -> None:
    assert not is_stray(path)


@pytest.mark.parametrize(
    "ending", ["jpg", "JPG", "jpeg", "jfif", "jpe", "jp2", "heic", "HEIC", "heif", "png", "Tiff"]
)
def test_endings_of_photos_count_in_any_case(ending: str) -> None:
    assert is_photo_name(f"IMG_1.{ending}")
    assert not is_photo_name(f"IMG_1.{ending}.txt")


def test_only_real_photos_in_a_folder_are_found_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a/2.HEIC", "a/1.png", "notes.txt", "._b.jpg", ".thumbnails/b.jpg", "a/@eaDir/1.png")
    assert found(tmp_path) == ["a/1.png", "a/2.HEIC", "b.jpg"]


def test_a_hidden_folder_that_is_named_holds_photos(tmp_path: Path) -> None:
    assert found(touch(tmp_path / ".cache" / "photos", "a.jpg")) == ["a.jpg"]


def test_linked_folders_are_searched_once_and_never_in_a_circle(tmp_path: Path) -> None:
    elsewhere = touch(tmp_path / "elsewhere", "s.jpg")
    folder = touch(tmp_path / "photos", "x.jpg", "sub/y.jpg")
    (folder / "a_link").symlink_to(elsewhere)
    (folder / "another_link").symlink_to(elsewhere)
    (folder / "again").symlink_to(folder / "sub")
    (folder / "circle").symlink_to(folder)
    (folder / "sub" / "up").symlink_to(tmp_path)
    (folder / "broken").symlink_to(tmp_path / "nowhere")
    assert found(folder) == ["a_link/s.jpg", "sub/y.jpg", "x.jpg"]


def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert file_names(tmp_path / "nowhere") == []
    assert file_names(tmp_path / ("a" * 300)) == []
