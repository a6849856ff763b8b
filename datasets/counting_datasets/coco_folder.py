"""Instances files and photos in a folder in the layout of COCO or of an annotation tool."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from counting_datasets.errors import DataError, choices
from counting_datasets.notes import note
from counting_datasets.photo_files import is_stray
from counting_datasets.splits import SPLIT_SYNONYMS, parse_share
from counting_datasets.text_files import is_folder, nfc

_PREFIX = "instances_"
_UNSPLIT = frozenset({
    "instances_default", "instances", "annotations", "_annotations.coco", "annotations.coco", "result", "labels",
    "coco",
})  # fmt: skip
"""Stems of instances files that belong to no split (CVAT, Label Studio and others)."""


class CocoSplit(NamedTuple):
    """An instances file, and the folder of its photos."""

    file: Path
    images: Path


def find_instances(root: Path, split: str) -> CocoSplit:
    """Find the instances file of ``split`` in ``root``.

    It is ``annotations/instances_<split>.json``, or the only JSON file in the folder ``<split>`` (Roboflow), or
    else the only file of a data set without splits, such as Label Studio's ``result.json``. The split ``val`` may
    also be called ``valid``.

    Raises:
        DataError: there is no such file.
    """
    annotations = root / "annotations"
    for name in (split, SPLIT_SYNONYMS.get(split, split)):
        listed = next((file for file in _json(annotations) if nfc(file.stem) == _PREFIX + name), None)
        if listed:
            return CocoSplit(listed, _photo_folder(root, name))
        beside = _json(root / name)
        if len(beside) == 1 and name != "annotations":
            return CocoSplit(beside[0], root / name)
    splits = _splits(root)
    unsplit = [file for folder in (root, annotations) for file in _json(folder) if file.stem in _UNSPLIT]
    if len(unsplit) != 1 or splits:
        known = choices(split, splits) if splits else "found no other"
        raise DataError(f"{annotations / _PREFIX}{split}.json: no such annotation file; {known}")
    file = unsplit[0]
    if not parse_share(split):
        note(f"{file}: the data set has no splits, so {split} is all of its photos")
    return CocoSplit(file, root if file.parent == root else _photo_folder(root, "default"))


def no_such_annotations(file: Path) -> str:
    """The error for a missing instances file, with the splits that are in the same folder."""
    splits = [found.stem.removeprefix(_PREFIX) for found in _json(file.parent) if found.stem.startswith(_PREFIX)]
    return f"no such annotation file{'; available: ' if splits else ''}{', '.join(splits)}"


def _splits(root: Path) -> list[str]:
    listed = [file.stem for file in _json(root / "annotations")]
    folders = [name for name in _names(root) if name != "annotations" and len(_json(root / name)) == 1]
    names = [stem.removeprefix(_PREFIX) for stem in listed if stem.startswith(_PREFIX) and stem not in _UNSPLIT]
    return sorted({nfc(name) for name in (*names, *folders)})


def _photo_folder(root: Path, name: str) -> Path:
    """The first existing folder of images/NAME, NAME, the same two for NAME without its last _PART, and images."""
    plain = name.rpartition("_")[0] or name
    candidates = [root / "images" / name, root / name, root / "images" / plain, root / plain, root / "images"]
    return next((folder for folder in candidates if is_folder(folder)), candidates[0])


def _json(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(_names(folder)) if name[-5:].lower() == ".json"]


def photo_names(files: Sequence[str]) -> dict[str, str]:
    """File → photo id: the shortest of stem, path without suffix and whole path that is unique for all files."""
    paths = [PurePosixPath(file) for file in files]
    for names in ([path.stem for path in paths], [path.with_suffix("").as_posix() for path in paths]):
        if len(set(names)) == len(names):
            return dict(zip(files, names, strict=True))
    return {file: file for file in files}


class PhotoFinder:
    """Finds the photos of an instances file, whose paths may come from another machine.

    ``images/1/a.jpg`` is searched as ``folder/images/1/a.jpg`` and, if all file names are distinct, also as
    ``folder/1/a.jpg`` and ``folder/a.jpg``; then in the same way in ``folder/images``. Names are compared in NFC;
    a name that differs only in case is used if none is identical.
    """

    def __init__(self, folder: Path, files: Sequence[str]) -> None:
        self.folder = folder
        self._distinct = max(Counter(PurePosixPath(file).name for file in files).values()) == 1
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, file: str) -> Path:
        """The path of the photo, or its expected path if it is missing."""
        parts = [part for part in PurePosixPath(file).parts if part not in ("/", "..") and not part.endswith(":")]
        starts = range(len(parts)) if self._distinct else range(1)
        for folder in (self.folder, self.folder / "images"):
            for start in starts:
                found = self._resolve(folder, parts[start:])
                if found:
                    return found
        return self.folder.joinpath(*parts)

    def _resolve(self, folder: Path, parts: Sequence[str]) -> Path | None:
        for part in parts:
            listing = self._listing(folder)
            name = listing.get(part) or listing.get(part.casefold())
            if name is None:
                return None
            folder = folder / name
        return folder

    def _listing(self, folder: Path) -> dict[str, str]:
        if folder not in self._listings:
            names = list(_names(folder))
            by_case = {nfc(name).casefold(): name for name in names}
            self._listings[folder] = by_case | {nfc(name): name for name in names}
        return self._listings[folder]


def _names(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if not is_stray(entry.name))
    except (OSError, ValueError):
        return
