"""Annotations, photos and split lists in a folder in the layout of VOC or of an annotation tool."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from counting_datasets.errors import DataError, choices
from counting_datasets.photo_files import file_names, is_photo_name, is_stray
from counting_datasets.splits import SPLIT_SYNONYMS
from counting_datasets.text_files import nfc, read_text

_LAYOUT = "the folder should hold ImageSets/Main, Annotations and JPEGImages"
_WITH_FLAG = re.compile(r"(.*\S)\s+[+-]?[01]")


@dataclass(frozen=True)
class VocFolder:
    """The content of a VOC folder.

    Photos and annotations have the same name: the file name without its suffix, preceded by its folders if file
    names repeat.

    Attributes:
        root: the folder.
        annotations: paths of XML files, by name; as text, since there are many.
        photos: paths of photos, by name, also as text.
        lists: the split lists, by split.
        photo_folder: where photos are expected.
    """

    root: Path
    annotations: Mapping[str, str]
    photos: Mapping[str, str]
    lists: Mapping[str, Path]
    photo_folder: Path

    def annotation(self, name: str) -> Path | None:
        """The path of the annotation, or None if it does not exist."""
        return Path(self.annotations[name]) if name in self.annotations else None

    def photo(self, name: str) -> Path:
        """The path of the photo, or its expected path if it is missing."""
        return Path(self.photos[name]) if name in self.photos else self.photo_folder / f"{name}.jpg"

    def annotated_photos(self) -> list[str]:
        """The names of photos with an annotation, sorted; without any photos, the names of all annotations."""
        return sorted(self.annotations.keys() & self.photos.keys() if self.photos else self.annotations)

    def all_photos(self) -> list[str]:
        """The names of photos with and without an annotation, sorted."""
        return sorted({*self.annotated_photos(), *self.photos})

    def used_annotations(self) -> list[Path]:
        """The annotations whose photo exists or is listed in a split; others are leftovers."""
        left_over = self.annotations.keys() - self.photos.keys() if self.photos else set()
        if left_over:
            columns = {
                column for path in self.lists.values() for line in _lines(path) for column in _columns(line)
            }
            left_over -= columns
            left_over -= {form for column in columns if re.search(r"[./\\]", column) for form in _forms(column)}
        return [Path(file) for name, file in self.annotations.items() if name not in left_over]

    def listed(self, split: str, *, unannotated_are_empty: bool = False) -> list[str]:
        """The names in the list of ``split``, in order.

        Each needs an annotation, or with ``unannotated_are_empty`` at least a photo. A line may have folders, a
        suffix, and a second column: VOC's 1, 0 or -1, or the annotation's path.

        Raises:
            DataError: no such split, or its list is empty, has a duplicate, or names a photo without annotation.
        """
        path = self._list(split)
        lines = _lines(path)
        if not lines:
            raise DataError(f"{path}: lists no photo; each line should be a photo's name without its suffix")
        names = [self._name(path, line, unannotated_are_empty) for line in lines]
        name, number = Counter(names).most_common(1)[0]
        if number > 1:
            raise DataError(f"{path}: duplicate photo {name!r}")
        return names

    def _list(self, split: str) -> Path:
        path = self.lists.get(split) or self.lists.get(SPLIT_SYNONYMS.get(split, split))
        if path is None:
            # leave out VOC's lists per category, such as aeroplane_train
            splits = [name for name in self.lists if "_" not in name or name.rpartition("_")[2] not in self.lists]
            known = choices(split, sorted(splits)) if splits else _LAYOUT
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
        hint = (
            "; to count it as empty, set --unannotated-are-empty or unannotated_are_empty: true" if photo else ""
        )
        raise DataError(f"{path}: lists {line!r}, but there is no annotation {photo or forms[-1]}.xml{hint}")


def find_voc(root: Path) -> dict[str, VocFolder]:
    """The folders with annotations, by split; a folder that holds all splits has the key "".

    Annotations are in ``Annotations`` and photos in ``JPEGImages`` or ``images``; or both are side by side, in
    ``root`` (labelImg) or in one folder per split (Roboflow).

    Raises:
        DataError: no annotation in any of these places.
    """
    shared = _folder(root)
    if shared:
        return {"": shared}
    inside = {nfc(path.name): _folder(path) for path in _entries(root) if path.is_dir()}
    splits = {name: folder for name, folder in inside.items() if folder}
    if not splits:
        raise DataError(f"{root}: no annotation found; {_LAYOUT}")
    return splits


def folder_of(folders: Mapping[str, VocFolder], split: str) -> VocFolder:
    """The folder that holds ``split``, from the result of ``find_voc``.

    Raises:
        DataError: no folder holds it.
    """
    found = folders.get("") or folders.get(split) or folders.get(SPLIT_SYNONYMS.get(split, split))
    if found is None:
        root = next(iter(folders.values())).root.parent
        raise DataError(f"{root / split}: no such split; {choices(split, sorted(folders))}")
    return found


def is_split_folder(folder: VocFolder, split: str) -> bool:
    """Whether the folder has the name of the split."""
    return nfc(folder.root.name) in (split, SPLIT_SYNONYMS.get(split))


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
    """Paths of photos by name; if several have the same name, a .jpg is preferred."""
    return _by_name(folder, sorted(names, key=lambda name: name[-4:].lower() == ".jpg"), is_photo_name)


def _by_name(folder: Path, names: list[str], wanted: Callable[[str], bool]) -> dict[str, str]:
    """Paths by stem, or by path without suffix if files in different folders have the same stem."""
    found = {name: nfc(name.rpartition(".")[0]) for name in names if wanted(name)}
    paths = set(found.values())
    if len({path.rpartition("/")[2] for path in paths}) == len(paths):
        found = {name: path.rpartition("/")[2] for name, path in found.items()}
    return {path: f"{folder}/{name}" for name, path in found.items()}


def _lines(path: Path) -> list[str]:
    """The lines of a split list, without stray files; none if the file is not text."""
    text = nfc(read_text(path))
    lines = [] if "\0" in text else [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not _is_stray_line(line)]


def _is_stray_line(line: str) -> bool:
    path = line.replace("\\", "/")
    is_absolute = path.startswith("/") or path[1:2] == ":"
    return is_stray(path.rpartition("/")[2] if is_absolute else path)


def _columns(line: str) -> list[str]:
    """The whole line, the line without a trailing flag, and its first column."""
    with_flag = _WITH_FLAG.fullmatch(line)
    return [line, *([with_flag[1]] if with_flag else []), line.split()[0]]


def _forms(line: str) -> Iterator[str]:
    """Possible names of the photo on a line: the whole line, then without second column, suffix and folders."""
    columns = dict.fromkeys(_columns(line))
    yield from columns
    for column in columns:
        path = PureWindowsPath(column)  # splits at / and at \
        parts = path.parts[bool(path.anchor) :] or (column,)
        for start in range(len(parts)):
            yield _without_suffix("/".join(parts[start:]))


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and (suffix.lower() == "xml" or is_photo_name(name)) else name
