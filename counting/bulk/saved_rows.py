"""Rows of a long run, saved in parts as they are counted, so that an interrupted run can be resumed."""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from counting.bulk.row_parts import read_part, write_part
from counting.bulk.rows import NamedPhoto, Row
from counting.utils.files import remove_partial_files, write_json
from counting_datasets.errors import CountingError

SMALLEST_PART, LARGEST_PART = 64, 1024
"""Numbers of photos in a part."""

PARTS = 1000
"""Number of parts of a run whose parts are neither the smallest nor the largest."""

MANIFEST = "manifest.json"

Request = dict[str, Any]
"""What determines the rows: name of an option → its value."""

Count = Callable[[Sequence[NamedPhoto]], Generator[Row]]
"""Counts photos in order."""


class SavedRows:
    """The rows of a request in a folder: a manifest with the request, and one Parquet file per part."""

    def __init__(self, folder: Path, photos: Sequence[NamedPhoto], size: int) -> None:
        self.folder = folder
        self._photos = photos
        self._size = size

    @classmethod
    def open(cls, folder: Path, photos: Sequence[NamedPhoto], request: Request, *, resume: bool) -> "SavedRows":
        """The rows saved for ``request`` if ``resume``, else none: those of an earlier run are deleted.

        Raises:
            CountingError: the saved rows belong to another request, or the folder is not one of saved rows.
        """
        whole = {**request, "photos": len(photos), "list": _digest(photos)}
        size = min(max(-(-len(photos) // PARTS), SMALLEST_PART), LARGEST_PART)
        manifest = _manifest(folder)
        if manifest is not None and resume:
            _check_same(manifest["request"], whole, folder)
            return cls(folder, photos, int(manifest["part"]))
        saved = cls(folder, photos, size)
        saved.remove()
        write_json(folder / MANIFEST, {"request": whole, "part": size})
        return saved

    def count(self, count: Count) -> Generator[Row]:
        """All rows in order: the saved ones, and those that ``count`` yields, which are saved."""
        numbers = range(-(-len(self._photos) // self._size))
        missing = [number for number in numbers if not self._file(number).is_file()]
        with closing(count([photo for number in missing for photo in self._part(number)])) as counted:
            for number in numbers:
                if number not in missing:
                    yield from read_part(self._file(number))
                    continue
                rows = []
                for row in islice(counted, len(self._part(number))):
                    rows.append(row)
                    yield row
                write_part(rows, self._file(number))

    def read(self) -> Iterator[Row]:
        """All rows, after ``count`` has yielded them."""
        for number in range(-(-len(self._photos) // self._size)):
            yield from read_part(self._file(number))

    def remove(self) -> None:
        """Delete the folder: first the manifest, as rows without one are not resumed."""
        (self.folder / MANIFEST).unlink(missing_ok=True)
        if self.folder.is_dir():
            for file in self.folder.glob("part-*.parquet"):
                file.unlink()
            remove_partial_files(self.folder)
            with suppress(OSError):  # files of another program
                self.folder.rmdir()

    def _part(self, number: int) -> Sequence[NamedPhoto]:
        return self._photos[number * self._size : (number + 1) * self._size]

    def _file(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.parquet"


def _digest(photos: Sequence[NamedPhoto]) -> str:
    """A hash of the photos' places and names."""
    digest = hashlib.sha256()
    for photo in photos:
        digest.update(f"{photo.source.name}\0{photo.file_name}\0{photo.image}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of saved rows; None if there is none that can be read."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        return manifest if isinstance(manifest["request"], dict) and int(manifest["part"]) > 0 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _check_same(saved: Request, asked: Request, folder: Path) -> None:
    """Refuse to resume another request.

    Raises:
        CountingError: names what differs.
    """
    differing = [name for name in asked if saved.get(name) != asked[name]]
    if differing:
        name = differing[0]
        values = "" if name == "list" else f": {saved.get(name)}, now {asked[name]}"
        what = "list of photos" if name in ("photos", "list") else name
        raise CountingError(
            f"--resume: the rows saved in {folder} have another {what}{values}; "
            "repeat that request, or leave out --resume to start again"
        )
