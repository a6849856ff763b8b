"""Photos named on the command line, and their names and ids in tables and files."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os.path import abspath, commonpath
from pathlib import Path

from counting.inputs.photo_sources import checked_path
from counting_datasets.errors import CountingError
from counting_datasets.photo_files import file_names as names_in
from counting_datasets.photo_files import is_photo_name

STANDARD_INPUT = "-"
"""The argument that stands for paths on standard input."""


@dataclass
class NamedPhotos:
    """Photos without duplicates, in the order of the arguments.

    Attributes:
        paths: the photos.
        left_out: number of other files in the folders, by extension.
    """

    paths: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def note(self) -> str | None:
        """One line about the files left out; None if there are none."""
        if not self.left_out:
            return None
        total = self.left_out.total()
        kinds = ", ".join(f"{number} {ending}" for ending, number in self.left_out.most_common(5))
        what = "file that is not a photo" if total == 1 else "files that are not photos"
        return f"left out {total} {what}: {kinds}"


def find_photos(places: Sequence[str]) -> NamedPhotos:
    """The photos at ``places``: files, folders with their subfolders, patterns, or ``-`` for standard input.

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
        for path in at_place:
            whole = abspath(path)  # noqa: PTH100 (resolve() would follow links)
            if whole not in seen:
                seen.add(whole)
                found.paths.append(path)
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


def _photos_at(place: str, found: NamedPhotos) -> Iterator[Path]:
    path = checked_path(place)
    if path.is_dir():
        for file in (path / name for name in names_in(path)):
            if is_photo_name(file):
                yield file
            else:
                found.left_out[file.suffix.lower() or "without an extension"] += 1
    elif path.exists() or not set(place) & set("*?["):
        yield path
    else:
        base = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
        yield from sorted(file for file in base.glob(pattern) if file.is_file())


def file_names(paths: Sequence[Path]) -> list[str]:
    """Each photo's path relative to the common folder of all, such as "100/IMG_0001.jpg"."""
    whole = [Path(abspath(path)) for path in paths]  # noqa: PTH100 (resolve() would follow links)
    try:
        common = Path(commonpath([path.parent for path in whole]))
    except ValueError:  # no paths, or several drives
        return [path.as_posix() for path in whole]
    return [path.relative_to(common).as_posix() for path in whole]


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
