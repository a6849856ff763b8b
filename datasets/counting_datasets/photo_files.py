"""Which files of a folder are photos, and which are leftovers of other programs."""

import os
from collections import deque
from collections.abc import Callable, Iterator
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
    parts = path.split("/") if isinstance(path, str) else path.parts
    return any(map(_is_stray_name, parts))


def _is_stray_name(name: str) -> bool:
    return (name.startswith(".") and name not in (".", "..")) or name.startswith("~$") or name.lower() in _STRAY


def is_photo_name(path: PurePath | str) -> bool:
    """Whether a name ends like a photo's, in any case: ``IMG_1.JPG``."""
    return os.path.splitext(path)[1].lower() in PHOTO_SUFFIXES  # noqa: PTH122 (many times faster than a Path)


def find_photos(folder: Path) -> list[Path]:
    """The photos in ``folder`` and in the folders below it, sorted; see ``file_names``."""
    return [folder / name for name in file_names(folder) if is_photo_name(name)]


def file_names(folder: Path) -> list[str]:
    """The files in ``folder`` and in the folders below it without stray ones, sorted: ``DCIM/100/IMG_1.jpg``.

    Links to folders are followed, but no folder is listed twice and none that holds ``folder`` itself. A folder
    that cannot be read counts as empty.
    """
    return sorted(_walk(folder), key=lambda name: name.split("/"))


def _walk(top: Path) -> Iterator[str]:
    if _identity(top) is None:
        return
    holders = {_identity(parent) for parent in top.resolve().parents}
    seen: set[tuple[int, int]] = set()
    pending = deque([""])  # real folders from the left, links from the right: a folder keeps its real name
    while pending:
        below = pending.popleft()
        identity = _identity(top / below)
        if identity is None or identity in seen or identity in holders:
            continue
        seen.add(identity)
        for entry in _entries(top / below):
            if _is(entry.is_dir):
                (pending.append if entry.is_symlink() else pending.appendleft)(f"{below}{entry.name}/")
            elif _is(entry.is_file):
                yield below + entry.name


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


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link in a circle
        return False
