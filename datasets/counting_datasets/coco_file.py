"""Read, check and normalize COCO instances files of any tool."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from counting_datasets.coco_masks import box_around
from counting_datasets.errors import DataError
from counting_datasets.notes import note
from counting_datasets.text_files import Missing, nfc, no_such_file, read_json

Id = int | str
_Row = dict[str, Any]

_FLAGS: dict[object, bool] = {
    None: False,
    0: False,
    1: True,
    "": False,
    "0": False,
    "1": True,
    "false": False,
    "true": True,
}
_SECTIONS = ("images", "annotations", "categories")


@dataclass(frozen=True, slots=True)
class CocoImage:
    """A photo: its path, its (width, height) if known, and the categories with an unannotated crowd region."""

    id: Id
    file: str
    size: tuple[int, int] | None
    crowd_categories: tuple[Id, ...]


@dataclass(frozen=True, slots=True)
class CocoObject:
    """An annotated object; ``box`` is (x, y, width, height) in pixels."""

    name: str
    category: Id
    box: Sequence[float]
    crowd: bool
    segmentation: Any


@dataclass(frozen=True)
class Instances:
    """The content of an instances file.

    Attributes:
        images: photos, in the file's order.
        objects: each photo's objects, by the photo's id.
        categories: names by id, sorted by id.
        category_ids: names by id as text, including a category that is left out.
    """

    images: list[CocoImage]
    objects: dict[Id, list[CocoObject]]
    categories: dict[Id, str]
    category_ids: dict[str, str]


def read_instances(path: Path, missing: Missing = no_such_file) -> Instances:
    """Read an instances file; ``missing`` words the error for a missing file.

    Ids may be integers, also written as text or with a decimal point. A photo's size is optional, and so is the
    box of an object with a segmentation. A category without objects that is the supercategory of all others is
    left out.

    Raises:
        DataError: the file is missing, is not JSON, or is incomplete or inconsistent.
    """
    content = read_json(path, missing, allow_nan=True)
    if not isinstance(content, dict):
        raise DataError(f"{path}: not an instances file: needs an object with images, annotations and categories")
    for section in _SECTIONS:
        _check_rows(path, section, content.get(section))
    images = list(_images(path, content["images"]))
    ids, names = _category_names(path, content["categories"])
    categories = _categories(path, content, ids, names)
    objects = _objects(path, content["annotations"], {image.id for image in images}, categories)
    _check_crowds(path, images, categories)
    return Instances(images, objects, categories, dict(zip(map(str, ids), names, strict=True)))


def _check_rows(path: Path, section: str, rows: Any) -> None:
    if not isinstance(rows, list):
        raise DataError(f"{path}: no list of {section}")
    odd = next((index for index, row in enumerate(rows) if not isinstance(row, dict)), None)
    if odd is not None:
        raise DataError(f"{path}: {section}[{odd}] should be a JSON object")
    if not rows and section != "annotations":
        raise DataError(f"{path}: the list of {section} is empty")


def _images(path: Path, rows: list[_Row]) -> Iterator[CocoImage]:
    ids = _column(path, "images", rows, "id")
    _check_distinct(path, "image id", ids)
    files = [_posix(file) for file in _texts(path, "images", rows, "file_name")]
    _check_distinct(path, "file_name", files)
    nameless = next((index for index, file in enumerate(files) if PurePosixPath(file).name in ("", "..")), None)
    if nameless is not None:
        raise DataError(f"{path}: images[{nameless}] has file_name {files[nameless]!r}, should name a file")
    for row, key, file in zip(rows, ids, files, strict=True):
        crowds = row.get("crowd_categories") or []
        if not isinstance(crowds, list):
            raise DataError(_wrong_crowds(path, key, crowds))
        yield CocoImage(key, file, _size(path, key, row), tuple(map(_id, crowds)))


def _category_names(path: Path, rows: list[_Row]) -> tuple[list[Id], list[str]]:
    ids = _column(path, "categories", rows, "id")
    _check_distinct(path, "category id", ids)
    return ids, [" ".join(name.split()) for name in _texts(path, "categories", rows, "name")]


def _categories(path: Path, content: dict[str, Any], ids: list[Id], names: list[str]) -> dict[Id, str]:
    root = _root_category(content, ids)
    if root is not None:
        note(f"{path}: ignoring category {names[root]!r}, the supercategory of all others, which has no objects")
    named = {key: name for index, (key, name) in enumerate(zip(ids, names, strict=True)) if index != root}
    _check_distinct(path, "category name", list(named.values()))
    for similar in _case_variants(named.values()):
        note(f"{path}: {' and '.join(map(repr, similar))} differ only in case, but are separate categories")
    return {key: named[key] for key in sorted(named, key=lambda key: (isinstance(key, str), key))}


def _case_variants(names: Iterable[str]) -> list[list[str]]:
    """Groups of names that differ only in case."""
    groups = defaultdict(list)
    for name in names:
        groups[name.casefold()].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _root_category(content: dict[str, Any], ids: list[Id]) -> int | None:
    """The index of the objectless supercategory of all others that Roboflow adds, or None."""
    rows = content["categories"]
    for index, row in enumerate(rows):
        is_top = row.get("supercategory") in (None, "", "none")
        others = [other.get("supercategory") for other_index, other in enumerate(rows) if other_index != index]
        if is_top and others and all(name == row["name"] for name in others):
            used = any(_id(thing.get("category_id")) == ids[index] for thing in content["annotations"])
            return None if used else index
    return None


def _objects(
    path: Path, rows: list[_Row], images: set[Id], categories: dict[Id, str]
) -> dict[Id, list[CocoObject]]:
    names = [str(row["id"]) if row.get("id") is not None else f"[{index}]" for index, row in enumerate(rows)]
    _check_distinct(path, "annotation id", names)
    image_of = _links(path, rows, names, "image_id", images, "images")
    category_of = _links(path, rows, names, "category_id", categories, "categories")
    boxes = _boxes(path, rows, names)
    objects = defaultdict(list)
    for row, name, image, category, box in zip(rows, names, image_of, category_of, boxes, strict=True):
        crowd = _crowd(path, name, row.get("iscrowd"))
        objects[image].append(CocoObject(name, category, box, crowd, row.get("segmentation")))
    return dict(objects)


def _links(
    path: Path, rows: list[_Row], names: list[str], key: str, known: Iterable[Id], section: str
) -> list[Id]:
    ids = _column(path, "annotations", rows, key)
    valid = set(known)
    for name, link in zip(names, ids, strict=True):
        if link not in valid:
            raise DataError(f"{path}: annotation {name} has {key} {link!r}, which is not in {section}")
    return ids


def _boxes(path: Path, rows: list[_Row], names: list[str]) -> list[Sequence[float]]:
    boxes = [row.get("bbox") or _box_around(path, name, row) for row, name in zip(rows, names, strict=True)]
    if not _are_boxes(boxes):
        name, odd = next((name, box) for name, box in zip(names, boxes, strict=True) if not _are_boxes([box]))
        raise DataError(
            f"{path}: annotation {name} has bbox {str(odd)[:80]}, should be four finite numbers "
            "x, y, width, height with width and height at least 0"
        )
    return boxes


def _box_around(path: Path, name: str, row: _Row) -> list[float]:
    try:
        box = box_around(row.get("segmentation"))
    except Exception as error:  # pycocotools raises many kinds of errors
        raise DataError(f"{path}: annotation {name} has an invalid segmentation ({error})") from None
    if box is None:
        raise DataError(f"{path}: annotation {name} has no bbox and no segmentation to compute it from")
    return box


def _are_boxes(boxes: list[Any]) -> bool:
    if not boxes:
        return True
    try:
        values = np.array(boxes, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return False
    return values.shape == (len(boxes), 4) and bool(np.isfinite(values).all() and (values[:, 2:] >= 0).all())


def _crowd(path: Path, name: str, value: Any) -> bool:
    known = value.lower() if isinstance(value, str) else value
    if not isinstance(known, str | int | float | None) or known not in _FLAGS:
        raise DataError(f"{path}: annotation {name} has iscrowd {value!r}, should be 0 or 1")
    return _FLAGS[known]


def _check_crowds(path: Path, images: list[CocoImage], categories: dict[Id, str]) -> None:
    for image in images:
        for key in image.crowd_categories:
            if not isinstance(key, int | str) or key not in categories:
                raise DataError(_wrong_crowds(path, image.id, list(image.crowd_categories)))


def _wrong_crowds(path: Path, image: Id, crowds: Any) -> str:
    return f"{path}: image {image} has crowd_categories {str(crowds)[:80]}, should be a list of category ids"


def _size(path: Path, key: Id, row: _Row) -> tuple[int, int] | None:
    """(width, height), or None if either is missing, null or 0."""
    sides = [_id(row.get(side)) for side in ("width", "height")]
    odd = next((side for side in sides if side and (not isinstance(side, int) or side < 0)), None)
    if odd is not None:
        raise DataError(f"{path}: image {key} has width or height {odd!r}, should be a positive integer")
    width, height = sides
    return (width, height) if width and height else None


def _id(value: Any) -> Any:
    """7.0 and "7" as the integer 7, other text in NFC, and any other value unchanged."""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        return value
    whole = value.isascii() and value.isdigit() and (value == "0" or value[0] != "0") and len(value) < 20
    return int(value) if whole else nfc(value)


def _column(path: Path, section: str, rows: list[_Row], key: str) -> list[Id]:
    """The ids that all ``rows`` have under ``key``: integers or text."""
    _check_key(path, section, rows, key)
    ids = [_id(row[key]) for row in rows]
    odd = next((value for value in ids if isinstance(value, bool) or not isinstance(value, int | str)), None)
    if odd is not None or None in ids:
        raise DataError(f"{path}: {section} has {key} {odd!r}, should be an integer or text")
    return ids


def _texts(path: Path, section: str, rows: list[_Row], key: str) -> list[str]:
    _check_key(path, section, rows, key)
    texts = []
    for index, row in enumerate(rows):
        if not isinstance(row[key], str) or not row[key].strip():
            raise DataError(f"{path}: {section}[{index}] has {key} {row[key]!r}, should be text")
        texts.append(nfc(row[key]))
    return texts


def _check_key(path: Path, section: str, rows: list[_Row], key: str) -> None:
    lacking = next((index for index, row in enumerate(rows) if key not in row), None)
    if lacking is not None:
        raise DataError(f"{path}: {section}[{lacking}] has no {key!r}")


def _check_distinct(path: Path, what: str, values: Sequence[Any]) -> None:
    if len(set(values)) < len(values):
        raise DataError(f"{path}: duplicate {what} {Counter(values).most_common(1)[0][0]!r}")


def _posix(file: str) -> str:
    """The path with / as the separator, also if it was written on Windows."""
    return str(PurePosixPath(file.strip().replace("\\", "/")))
