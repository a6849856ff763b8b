"""Photos named on the command line, and their names and ids in tables and files."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os.path import abspath, commonpath
from pathlib import Path, PurePath
from typing import TypeAlias

from counting.inputs.parquet_photos import photos_in_parquet
from counting.inputs.photo_sources import StoredPhoto, checked_path
from counting.inputs.storage import REMOTE, RemotePhoto, remote_files
from counting.inputs.tar_photos import photos_in_tar
from counting_datasets.errors import CountingError
from counting_datasets.photo_files import file_names as names_in
from counting_datasets.photo_files import is_photo_name

STANDARD_INPUT = "-"
"""The argument that stands for paths on standard input."""


Photo: TypeAlias = Path | StoredPhoto


@dataclass
class NamedPhotos:
    """Photos without duplicates, in the order of the arguments.

    Attributes:
        paths: the photos.
        left_out: number of other files in the folders and archives, by extension.
    """

    paths: list[Photo] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def leave_out(self, name: PurePath | str) -> None:
        """Count a file that is not a photo."""
        self.left_out[PurePath(name).suffix.lower() or "without an extension"] += 1

    def note(self) -> str | None:
        """One line about the files left out; None if there are none."""
        if not self.left_out:
            return None
        total = self.left_out.total()
        kinds = ", ".join(f"{number} {ending}" for ending, number in self.left_out.most_common(5))
        what = "file that is not a photo" if total == 1 else "files that are not photos"
        return f"left out {total} {what}: {kinds}"


def find_photos(places: Sequence[str]) -> NamedPhotos:
    """The photos at ``places``, or ``-`` for places on standard input.

    A place is a photo, a folder with its subfolders, a tar archive, a Parquet file of photos or paths, a pattern,
    or a URL of one of these.

    Raises:
        CountingError: an empty name, or a place without a photo.
    """
    found = NamedPhotos()
    seen: set[str] = set()
    for place in _with_standard_input(places):
        at_place = list(_photos_at(place, found))
        if not at_place:
            note = found.note()
            raise CountingError(f"{place}: no photo found{f' ({note})' if note else ''}")
        for photo in at_place:
            location = _location(photo)
            if location not in seen:
                seen.add(location)
                found.paths.append(photo)
    return found


def _with_standard_input(places: Sequence[str]) -> Iterator[str]:
    """The places, with ``-`` replaced by the lines (or NUL-separated entries) of standard input.

    Raises:
        CountingError: standard input names no photo.
    """
    for place in places:
        if place != STANDARD_INPUT:
            yield place
            continue
        text = sys.stdin.read()
        listed = [line for line in (text.split("\0") if "\0" in text else text.splitlines()) if line.strip()]
        if not listed:
            raise CountingError("-: standard input contains no paths")
        yield from listed


def _photos_at(place: str, found: NamedPhotos) -> Iterator[Photo]:
    if REMOTE in place:
        urls = remote_files(place)
        is_folder = urls != [place] and not set(place) & set("*?[")
        for url in urls:
            if is_folder and not is_photo_name(url):
                found.leave_out(url)
            else:
                yield from _photos_in(url, found)
        return
    path = checked_path(place)
    if path.is_dir():
        for file in (path / name for name in names_in(path)):
            if is_photo_name(file):
                yield file
            else:
                found.leave_out(file)
    elif path.exists() or not set(place) & set("*?["):
        yield from _photos_in(str(path), found)
    else:
        base = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
        for file in sorted(file for file in base.glob(pattern) if file.is_file()):
            yield from _photos_in(str(file), found)


def _photos_in(file: str, found: NamedPhotos) -> Iterator[Photo]:
    """The photos in a tar archive or Parquet file, or the file itself."""
    suffix = PurePath(file).suffix.lower()
    if suffix == ".tar":
        yield from photos_in_tar(file, found.leave_out)
    elif suffix == ".parquet":
        for photo in photos_in_parquet(file):
            yield _at(photo, file) if isinstance(photo, str) else photo
    else:
        yield RemotePhoto(file) if REMOTE in file else Path(file)


def _at(path: str, listing: str) -> Photo:
    """The photo at a path or URL in a Parquet file; a relative path starts at the folder of that file."""
    if REMOTE in path:
        return RemotePhoto(path)
    if REMOTE in listing and not checked_path(path).is_absolute():
        return RemotePhoto(f"{listing.rpartition('/')[0]}/{path}")
    return Path(listing).parent / checked_path(path)


def _location(photo: Photo) -> str:
    """The absolute path of a photo; in an archive or remote storage, as if that were a folder."""
    name = photo.name if isinstance(photo, StoredPhoto) else str(photo)
    return name if REMOTE in name else abspath(name)  # noqa: PTH100 (resolve() would follow links)


def file_names(photos: Sequence[Photo]) -> list[str]:
    """Each photo's path relative to the common folder of all, such as "100/IMG_0001.jpg"."""
    locations = [Path(_location(photo)) for photo in photos]
    try:
        common = Path(commonpath([path.parent for path in locations]))
    except ValueError:  # no paths, several drives, or remote and local
        return [path.as_posix() for path in locations]
    return [path.relative_to(common).as_posix() for path in locations]


def photo_ids(names: Sequence[str]) -> list[str]:
    """File names without extensions, except where that would make two equal (x.jpg and x.png)."""
    ids = [name[: len(name) - len(Path(name).suffix)] for name in names]
    while len(set(ids)) < len(set(names)):
        times = Counter(ids)
        kept = [name if times[short] > 1 else short for short, name in zip(ids, names, strict=True)]
        if kept == ids:
            break
        ids = kept
    return ids
