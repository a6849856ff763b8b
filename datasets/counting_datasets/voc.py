"""PASCAL VOC's layout: JPEGImages, Annotations, ImageSets/Main."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

from counting_datasets.categories import VOC_CATEGORIES, require_distinct
from counting_datasets.errors import DataError, PhotoError
from counting_datasets.photo import photo_size
from counting_datasets.photo_files import is_photo_name, is_stray
from counting_datasets.scene import Scene, SceneSet
from counting_datasets.text_files import read_text

_FLAGS = {"": False, "0": False, "1": True, "false": False, "true": True}


class _Object(NamedTuple):
    name: str
    box: tuple[float, float, float, float]
    difficult: bool


class _Annotation(NamedTuple):
    path: Path
    size: tuple[int, int] | None
    objects: list[_Object]


def load_voc(
    root: Path, split: str, *, categories: Sequence[str] | None = VOC_CATEGORIES, data: str = "voc2007"
) -> SceneSet:
    """The scenes that ``ImageSets/Main/<split>.txt`` lists, in its order. No photo is opened.

    ``root`` holds JPEGImages, Annotations and ImageSets. Without ``categories`` they are the names in all of
    Annotations, sorted, so that every split gets the same.

    VOC's boxes are 1-based and inclusive: x0 = xmin - 1, x1 = xmax. A box that leaves the image is clipped and
    counts; one with its ends reversed is an error, since nobody can say which number is wrong. Only where an
    annotation gives no size, the photo's header is read for it.

    Raises:
        DataError: a missing or empty split, a missing or malformed annotation, an unknown category.
    """
    names = _read_split(root, split)
    annotations = [_read_annotation(root / "Annotations" / f"{name}.xml") for name in names]
    known = _found_categories(root) if categories is None else tuple(categories)
    place = _places(known)
    photos = _photos(root / "JPEGImages")
    scenes = []
    for name, annotation in zip(names, annotations, strict=True):
        photo = photos.get(name, root / "JPEGImages" / f"{name}.jpg")
        scenes.append(_scene(name, photo, annotation, place))
    return SceneSet(data, split, "voc", known, tuple(scenes))


def _read_split(root: Path, split: str) -> list[str]:
    path = root / "ImageSets" / "Main" / f"{split}.txt"
    text = read_text(path, lambda: f"no such split{_other_splits(path.parent)}")
    names = [line.strip() for line in text.splitlines() if line.strip()]
    if not names or "\0" in text:
        raise DataError(f"{path}: lists no image, should have a photo's name without its ending on each line")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise DataError(f"{path}: lists {name} {times} times")
    return names


def _other_splits(folder: Path) -> str:
    """The splits that are there, but for those of a single category such as aeroplane_train."""
    names = {file.stem for file in folder.glob("*.txt")}
    splits = sorted(name for name in names if "_" not in name or name.rpartition("_")[2] not in names)
    return (
        f", but {', '.join(splits)}"
        if splits
        else "; the folder should hold ImageSets/Main, Annotations, JPEGImages"
    )


def _read_annotation(path: Path) -> _Annotation:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such annotation, though the split lists {path.stem}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if b"<!DOCTYPE" in text:
        raise DataError(f"{path}: refused, an annotation needs no DOCTYPE")
    try:
        tree = ElementTree.fromstring(text)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise DataError(f"{path}: not XML ({error})") from None
    if tree.tag != "annotation":
        raise DataError(f"{path}: not a VOC annotation, its outermost element is <{tree.tag}>")
    return _Annotation(path, _size(tree), [_object(path, element) for element in tree.findall("object")])


def _size(tree: ElementTree.Element) -> tuple[int, int] | None:
    """(width, height), or None where the annotation does not say."""
    try:
        width, height = (int(tree.findtext(f"size/{side}", "")) for side in ("width", "height"))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _object(path: Path, element: ElementTree.Element) -> _Object:
    name = element.findtext("name", "").strip()
    if not name:
        raise DataError(f"{path}: an object without a name")
    try:
        xmin, ymin, xmax, ymax = (
            float(element.findtext(f"bndbox/{end}", "")) for end in ("xmin", "ymin", "xmax", "ymax")
        )
    except ValueError:
        raise DataError(f"{path}: a {name} has no bndbox of four numbers xmin, ymin, xmax, ymax") from None
    if not all(map(math.isfinite, (xmin, ymin, xmax, ymax))):
        raise DataError(f"{path}: a {name}'s bndbox is not finite")
    if xmin > xmax or ymin > ymax:
        raise DataError(
            f"{path}: a {name}'s bndbox is reversed: xmin {xmin:g}, xmax {xmax:g}, ymin {ymin:g}, ymax {ymax:g}"
        )
    difficult = element.findtext("difficult", "").strip().lower()
    if difficult not in _FLAGS:
        raise DataError(f"{path}: a {name}'s difficult is {difficult!r}, should be 0 or 1")
    return _Object(name, (xmin - 1, ymin - 1, xmax, ymax), _FLAGS[difficult])


def _found_categories(root: Path) -> tuple[str, ...]:
    files = sorted((root / "Annotations").rglob("*.xml"))
    found = {thing.name for file in files for thing in _read_annotation(file).objects}
    if not found:
        raise DataError(f"{root / 'Annotations'}: no object in any annotation: name the categories to count")
    return tuple(sorted(found))


def _places(categories: Sequence[str]) -> dict[str, int]:
    require_distinct(categories)
    return {category: index for index, category in enumerate(categories)}


def _photos(folder: Path) -> dict[str, Path]:
    """The photos by name; where several share one, .jpg comes first."""
    if not folder.is_dir():
        return {}
    found = (path for path in folder.iterdir() if is_photo_name(path) and not is_stray(path.name))
    return {path.stem: path for path in sorted(found, key=lambda path: (path.suffix.lower() == ".jpg", path.name))}


def _scene(name: str, photo: Path, annotation: _Annotation, place: dict[str, int]) -> Scene:
    objects = annotation.objects
    unknown = next((thing.name for thing in objects if thing.name not in place), None)
    if unknown is not None:
        raise DataError(
            f"{annotation.path}: unknown category {unknown!r}, not among {', '.join(place)}: add it to categories"
        )
    size = annotation.size or _size_of(photo, annotation.path)
    boxes = np.array([thing.box for thing in objects], dtype=np.float64).reshape(-1, 4)
    return Scene(
        id=name,
        number=re.sub(r"^0+(?=\d)", "", name) if name.isdigit() else name,
        path=photo,
        size=size,
        boxes=np.clip(boxes, 0, [*size, *size]),
        labels=np.array([place[thing.name] for thing in objects], dtype=np.int64),
        difficult=np.array([thing.difficult for thing in objects], dtype=bool),
        crowd=np.zeros(len(objects), dtype=bool),
        categories=tuple(place),
    )


def _size_of(photo: Path, annotation: Path) -> tuple[int, int]:
    try:
        return photo_size(photo)
    except PhotoError as error:
        raise DataError(f"{annotation}: gives no size, and the photo cannot either: {error}") from None
