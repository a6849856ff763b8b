"""A folder of COCO's format, or of one that labelling tools write: its instances files and its photos."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from counting_datasets.errors import DataError, choices
from counting_datasets.notes import note
from counting_datasets.photo_files import is_stray
from counting_datasets.splits import SAME_SPLIT, parse_share
from counting_datasets.text_files import is_folder, nfc

_PREFIX = "instances_"
_WHOLE = frozenset({
    "instances_default", "instances", "annotations", "_annotations.coco", "annotations.coco", "result", "labels",
    "coco",
})  # fmt: skip
"""Names, without .json, of instances files that belong to no split (CVAT, Label Studio and others)."""


class CocoSplit(NamedTuple):
    """An instances file, and the folder of its photos."""

    file: Path
    images: Path


def find_instances(root: Path, split: str) -> CocoSplit:
    """The instances file of ``split`` below ``root``.

    That is ``annotations/instances_<split>.json``, or the one JSON file in the folder ``<split>`` (Roboflow), or
    else a file that belongs to no split, such as Label Studio's ``result.json``. The split ``val`` may be called
    ``valid``.

    Raises:
        DataError: there is none.
    """
    annotations = root / "annotations"
    for name in (split, SAME_SPLIT.get(split, split)):
        listed = next((file for file in _json(annotations) if nfc(file.stem) == _PREFIX + name), None)
        if listed:
            return CocoSplit(listed, _photo_folder(root, name))
        beside = _json(root / name)
        if len(beside) == 1 and name != "annotations":
            return CocoSplit(beside[0], root / name)
    splits = _splits(root)
    whole = [file for folder in (root, annotations) for file in _json(folder) if file.stem in _WHOLE]
    if len(whole) != 1 or splits:
        known = choices(split, splits) if splits else "nor any other"
        raise DataError(f"{annotations / _PREFIX}{split}.json: no such annotation file; {known}")
    if not parse_share(split):
        note(f"{whole[0]}: nothing lists splits, so {split} is all of its photos")
    return CocoSplit(whole[0], root if whole[0].parent == root else _photo_folder(root, "default"))


def no_such_annotations(file: Path) -> str:
    """What to say of an instances file that is not there: the splits beside it."""
    splits = [found.stem.removeprefix(_PREFIX) for found in _json(file.parent) if found.stem.startswith(_PREFIX)]
    return f"no such annotation file{'; there are: ' if splits else ''}{', '.join(splits)}"


def _splits(root: Path) -> list[str]:
    listed = [file.stem for file in _json(root / "annotations")]
    folders = [name for name in _names(root) if name != "annotations" and len(_json(root / name)) == 1]
    names = [stem.removeprefix(_PREFIX) for stem in listed if stem.startswith(_PREFIX) and stem not in _WHOLE]
    return sorted({nfc(name) for name in (*names, *folders)})


def _photo_folder(root: Path, name: str) -> Path:
    """The first that exists of R/images/NAME, R/NAME, both without what follows the last _, and R/images."""
    plain = name.rpartition("_")[0] or name
    candidates = [root / "images" / name, root / name, root / "images" / plain, root / plain, root / "images"]
    return next((folder for folder in candidates if is_folder(folder)), candidates[0])


def _json(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(_names(folder)) if name[-5:].lower() == ".json"]


def photo_names(files: Sequence[str]) -> dict[str, str]:
    """File → the name of its counts: the stem, where stems repeat the path without ending, or else all of it."""
    paths = [PurePosixPath(file) for file in files]
    for names in ([path.stem for path in paths], [path.with_suffix("").as_posix() for path in paths]):
        if len(set(names)) == len(names):
            return dict(zip(files, names, strict=True))
    return {file: file for file in files}


class PhotoFinder:
    """Finds the photos that an instances file names, which tools write with folders of the machine they ran on.

    ``images/1/a.jpg`` is looked for at ``folder/images/1/a.jpg``, and where no two photos share a file name also
    at ``folder/1/a.jpg`` and ``folder/a.jpg``; then at the same places below ``folder/images``. Names compare in
    NFC, and in any case where none is equal.
    """

    def __init__(self, folder: Path, files: Sequence[str]) -> None:
        self.folder = folder
        self._distinct = max(Counter(PurePosixPath(file).name for file in files).values()) == 1
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, file: str) -> Path:
        """Where the photo lies; where it should lie, if it is nowhere."""
        parts = [part for part in PurePosixPath(file).parts if part not in ("/", "..") and not part.endswith(":")]
        starts = range(len(parts)) if self._distinct else range(1)
        for folder in (self.folder, self.folder / "images"):
            for start in starts:
                found = self._at(folder, parts[start:])
                if found:
                    return found
        return self.folder.joinpath(*parts)

    def _at(self, folder: Path, parts: Sequence[str]) -> Path | None:
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
