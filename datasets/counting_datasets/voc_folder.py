"""A folder in VOC's layout, or in one that labelling tools write: its annotations, photos and lists of splits."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from counting_datasets.errors import DataError, choices
from counting_datasets.photo_files import file_names, is_photo_name, is_stray
from counting_datasets.splits import SAME_SPLIT
from counting_datasets.text_files import nfc, read_text

_LAYOUT = "the folder should hold ImageSets/Main, Annotations, JPEGImages"
_WITH_FLAG = re.compile(r"(.*\S)\s+[+-]?[01]")


@dataclass(frozen=True)
class VocFolder:
    """What is in the folder, by name: file names without endings, with folders in front where they repeat.

    Attributes:
        root: the folder.
        annotations: XML files, as text, since there are many.
        photos: photos, as text too.
        lists: the files that list splits, by split.
        home: where photos should lie.
    """

    root: Path
    annotations: Mapping[str, str]
    photos: Mapping[str, str]
    lists: Mapping[str, Path]
    home: Path

    def annotation(self, name: str) -> Path | None:
        """Where the annotation lies, if there is one."""
        return Path(self.annotations[name]) if name in self.annotations else None

    def photo(self, name: str) -> Path:
        """Where the photo lies, or should lie."""
        return Path(self.photos[name]) if name in self.photos else self.home / f"{name}.jpg"

    def annotated(self) -> list[str]:
        """The photos with an annotation, sorted; where no photo is there at all, all annotations."""
        return sorted(self.annotations.keys() & self.photos.keys() if self.photos else self.annotations)

    def every_photo(self) -> list[str]:
        """The photos with an annotation and those without, sorted."""
        return sorted({*self.annotated(), *self.photos})

    def countable(self) -> list[Path]:
        """The annotations of photos, there or listed; an annotation of neither is left over and counts nowhere."""
        left_over = self.annotations.keys() - self.photos.keys() if self.photos else set()
        if left_over:
            columns = {
                column for path in self.lists.values() for line in _lines(path) for column in _columns(line)
            }
            left_over -= columns
            left_over -= {form for column in columns if re.search(r"[./\\]", column) for form in _forms(column)}
        return [Path(file) for name, file in self.annotations.items() if name not in left_over]

    def listed(self, split: str, *, unannotated_are_empty: bool = False) -> list[str]:
        """The names that a split lists, in its order; each has an annotation, or else a photo that may be empty.

        Lines may have endings, folders in front, and a second column: VOC's 1, 0 and -1, or the annotation's path.

        Raises:
            DataError: there is no such split, or it lists nothing, a photo twice, or one without annotation.
        """
        path = self._list(split)
        lines = _lines(path)
        if not lines:
            raise DataError(f"{path}: lists no image, should have a photo's name without its ending on each line")
        names = [self._name(path, line, unannotated_are_empty) for line in lines]
        name, times = Counter(names).most_common(1)[0]
        if times > 1:
            raise DataError(f"{path}: lists {name} {times} times")
        return names

    def _list(self, split: str) -> Path:
        path = self.lists.get(split) or self.lists.get(SAME_SPLIT.get(split, split))
        if path is None:
            splits = [name for name in self.lists if "_" not in name or name.rpartition("_")[2] not in self.lists]
            known = choices(split, sorted(splits)) if splits else _LAYOUT  # aeroplane_train is no split of its own
            raise DataError(f"{self.root / 'ImageSets' / 'Main' / split}.txt: no such split; {known}")
        return path

    def _name(self, path: Path, line: str, unannotated_are_empty: bool) -> str:
        forms = list(_forms(line))
        name = next((form for form in forms if form in self.annotations), None)
        if name is not None:
            return name
        photo = next((form for form in forms if form in self.photos), None)
        if photo is not None and unannotated_are_empty:
            return photo
        hint = "; count it as empty with --unannotated-are-empty, or unannotated_are_empty: true" if photo else ""
        raise DataError(f"{path}: lists {line!r}, but there is no annotation {photo or forms[-1]}.xml{hint}")


def find_voc(root: Path) -> dict[str, VocFolder]:
    """The folders that annotations lie in, by split; under "" the one that holds all splits.

    Annotations lie in ``Annotations`` and photos in ``JPEGImages`` or ``images``; or both lie side by side, in
    ``root`` (labelImg) or in a folder for each split (Roboflow).

    Raises:
        DataError: there is no annotation in any of these places.
    """
    whole = _folder(root)
    if whole:
        return {"": whole}
    inside = {nfc(path.name): _folder(path) for path in _entries(root) if path.is_dir()}
    splits = {name: folder for name, folder in inside.items() if folder}
    if not splits:
        raise DataError(f"{root}: no annotation found; {_LAYOUT}")
    return splits


def folder_of(folders: Mapping[str, VocFolder], split: str) -> VocFolder:
    """The one of ``find_voc``'s folders that holds ``split``.

    Raises:
        DataError: there is none.
    """
    found = folders.get("") or folders.get(split) or folders.get(SAME_SPLIT.get(split, split))
    if found is None:
        root = next(iter(folders.values())).root.parent
        raise DataError(f"{root / split}: no such split; {choices(split, sorted(folders))}")
    return found


def is_split_folder(folder: VocFolder, split: str) -> bool:
    """Whether the folder is named as the split is."""
    return nfc(folder.root.name) in (split, SAME_SPLIT.get(split))


def _folder(root: Path) -> VocFolder | None:
    inside = {path.name.lower(): path for path in _entries(root) if path.is_dir()}
    if "annotations" in inside or "imagesets" in inside:
        annotations = inside.get("annotations", root / "Annotations")
        photos = inside.get("jpegimages") or inside.get("images")
        lists = inside.get("imagesets", root / "ImageSets")
        return VocFolder(
            root,
            _by_name(annotations, file_names(annotations), _is_xml),
            _photos(photos or annotations, file_names(photos or annotations)),
            {**_lists(lists), **_lists(lists / "Main")},
            photos or root / "JPEGImages",
        )
    files = [path.name for path in _entries(root) if path.is_file()]
    beside = _by_name(root, files, _is_xml)
    return VocFolder(root, beside, _photos(root, files), {}, root) if beside else None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not is_stray(path.name))
    except OSError:
        return []


def _lists(folder: Path) -> dict[str, Path]:
    return {nfc(path.stem): path for path in _entries(folder) if path.suffix.lower() == ".txt" and path.is_file()}


def _is_xml(name: str) -> bool:
    return name[-4:].lower() == ".xml"


def _photos(folder: Path, names: list[str]) -> dict[str, str]:
    """The photos by name; where several share one, .jpg comes first."""
    return _by_name(folder, sorted(names, key=lambda name: name[-4:].lower() == ".jpg"), is_photo_name)


def _by_name(folder: Path, names: list[str], wanted: Callable[[str], bool]) -> dict[str, str]:
    """By stem, or by path without ending where several files in different folders share a stem."""
    found = {name: nfc(name.rpartition(".")[0]) for name in names if wanted(name)}
    paths = set(found.values())
    if len({path.rpartition("/")[2] for path in paths}) == len(paths):
        found = {name: path.rpartition("/")[2] for name, path in found.items()}
    return {path: f"{folder}/{name}" for name, path in found.items()}


def _lines(path: Path) -> list[str]:
    """What a list of photos says, without stray files; none where the file is no text."""
    text = nfc(read_text(path))
    lines = [] if "\0" in text else [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not _is_stray_line(line)]


def _is_stray_line(line: str) -> bool:
    path = line.replace("\\", "/")
    is_absolute = path.startswith("/") or path[1:2] == ":"
    return is_stray(path.rpartition("/")[2] if is_absolute else path)


def _columns(line: str) -> list[str]:
    """All of a line, the line without a flag behind it, and its first column."""
    with_flag = _WITH_FLAG.fullmatch(line)
    return [line, *([with_flag[1]] if with_flag else []), line.split()[0]]


def _forms(line: str) -> Iterator[str]:
    """The names that a line may mean: all of it, then without second column, ending and folders."""
    columns = dict.fromkeys(_columns(line))
    yield from columns
    for column in columns:
        path = PureWindowsPath(column)  # its parts end at / and at a backslash
        parts = path.parts[bool(path.anchor) :] or (column,)
        for start in range(len(parts)):
            yield _without_ending("/".join(parts[start:]))


def _without_ending(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return stem if dot and (ending.lower() == "xml" or is_photo_name(name)) else name
