"""Find the photos in a folder, without the leftovers of other programs."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path, PurePath

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
"""File name suffixes of HEIF photos, the format of many phones."""

PHOTO_SUFFIXES = HEIF_SUFFIXES | {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jp2", ".j2k", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff",
    ".avif", ".ppm", ".pgm", ".pnm",
}  # fmt: skip
"""File name suffixes of photos that can be opened, in lower case."""

_STRAY = frozenset({
    "__macosx", "icon\r", "network trash folder", "temporary items",  # macOS
    "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "recycler", "system volume information",  # Windows
    "@eadir", "#recycle", "#snapshot", "@recycle", "@__thumb", "@recently-snapshot", "@tmp",  # network storage
    "lost+found", "lost.dir", "__pycache__",
})  # fmt: skip
"""Names of files and folders that operating systems and storage devices leave behind, in lower case."""


def is_stray(path: PurePath | str) -> bool:
    """Whether any part of ``path`` is hidden or a leftover of another program.

    Hidden names begin with a dot (``._p1.jpg``, ``.thumbnails``, ``.ipynb_checkpoints``); leftovers are trash,
    thumbnails and metadata (``@eaDir``, ``__MACOSX``, ``Thumbs.db``). ``path`` should be relative to the folder
    that the user named, since a user may choose a hidden folder.
    """
    parts = path.split("/") if isinstance(path, str) else path.parts
    return any(map(_is_stray_name, parts))


def _is_stray_name(name: str) -> bool:
    return (name.startswith(".") and name not in (".", "..")) or name.startswith("~$") or name.lower() in _STRAY


def is_photo_name(path: PurePath | str) -> bool:
    """Whether a name has a photo's suffix, in upper or lower case: ``IMG_1.JPG``."""
    return os.path.splitext(path)[1].lower() in PHOTO_SUFFIXES  # noqa: PTH122 (many times faster than a Path)


def find_photos(folder: Path) -> list[Path]:
    """All photos in ``folder`` and its subfolders, sorted; see ``file_names``."""
    return [folder / name for name in file_names(folder) if is_photo_name(name)]


def file_names(folder: Path) -> list[str]:
    """Sorted relative paths (``DCIM/100/IMG_1.jpg``) of all files in ``folder`` and its subfolders but stray ones.

    Follows links to folders, but lists no folder twice and no parent of ``folder``. Skips unreadable folders.
    """
    return sorted(_walk(folder), key=lambda name: name.split("/"))


def _walk(top: Path) -> Iterator[str]:
    if _identity(top) is None:
        return
    parents = {_identity(parent) for parent in top.resolve().parents}
    seen: set[tuple[int, int]] = set()
    pending = deque([""])  # real folders before links, so that a folder reached both ways keeps its real name
    while pending:
        folder = pending.popleft()
        identity = _identity(top / folder)
        if identity is None or identity in seen or identity in parents:
            continue
        seen.add(identity)
        for entry in _entries(top / folder):
            if _is(entry.is_dir):
                (pending.append if entry.is_symlink() else pending.appendleft)(f"{folder}{entry.name}/")
            elif _is(entry.is_file):
                yield folder + entry.name


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
    except OSError:  # a circular link
        return False
