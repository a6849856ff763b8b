"""Which files of a folder are photos, and which are leftovers of other programs."""

import os
from collections import deque
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path, PurePath

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
"""File name endings of HEIF photos, the format of many phones."""

PHOTO_SUFFIXES = HEIF_SUFFIXES | {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jp2", ".j2k", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff",
    ".avif", ".ppm", ".pgm", ".pnm",
}  # fmt: skip
"""File name endings of photos that can be opened, in lower case."""

_STRAY = frozenset({
    "__macosx", "icon\r", "network trash folder", "temporary items",  # macOS
    "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "recycler", "system volume information",  # Windows
    "@eadir", "#recycle", "#snapshot", "@recycle", "@__thumb", "@recently-snapshot", "@tmp",  # network storage
    "lost+found", "lost.dir", "__pycache__",
})  # fmt: skip
"""Names of files and folders that operating systems and storage devices leave behind, in lower case."""


def is_stray(path: PurePath | str) -> bool:
    """Whether a file or folder is hidden or a leftover of another program, or lies in one that is.

    Hidden names begin with a dot (``._p1.jpg``, ``.thumbnails``, ``.ipynb_checkpoints``); leftovers are trash,
    thumbnails and metadata (``@eaDir``, ``__MACOSX``, ``Thumbs.db``). Every part of ``path`` is looked at, so pass
    it relative to the folder that is listed: a person may name a hidden folder on purpose.
    """
    return any(_is_stray_name(part) for part in PurePath(path).parts)


def _is_stray_name(name: str) -> bool:
    return (name.startswith(".") and name != "..") or name.startswith("~$") or name.lower() in _STRAY


def is_photo_name(path: PurePath | str) -> bool:
    """Whether a name ends like a photo's, in any case: ``IMG_1.JPG``."""
    return PurePath(path).suffix.lower() in PHOTO_SUFFIXES


def find_photos(folder: Path) -> list[Path]:
    """The photos in ``folder`` and in the folders below it, sorted; see ``find_files``."""
    return [path for path in find_files(folder) if is_photo_name(path)]


def find_files(folder: Path) -> list[Path]:
    """All files in ``folder`` and in the folders below it, sorted, without stray ones.

    Links to folders are followed, but no folder is listed twice and none that holds ``folder`` itself. A folder
    that cannot be read counts as empty.
    """
    return sorted(_walk(folder))


def _walk(top: Path) -> Iterator[Path]:
    holders = {_identity(parent) for parent in top.resolve().parents}
    seen: set[tuple[int, int]] = set()
    pending = deque([top])  # real folders from the left, links from the right: a folder keeps its real name
    while pending:
        folder = pending.popleft()
        identity = _identity(folder)
        if identity is None or identity in seen or identity in holders:
            continue
        seen.add(identity)
        for entry in _entries(folder):
            path = folder / entry.name
            if _is_folder(entry):
                (pending.append if entry.is_symlink() else pending.appendleft)(path)
            elif _is_file(entry):
                yield path


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not _is_stray_name(entry.name)), key=attrgetter("name"))
    except OSError:
        return []


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
