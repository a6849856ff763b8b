"""PASCAL VOC's layout: JPEGImages, Annotations, ImageSets/Main."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from PIL import Image, UnidentifiedImageError

from counting_datasets.categories import VOC_CATEGORIES
from counting_datasets.errors import DataError
from counting_datasets.photo import SUFFIXES
from counting_datasets.scene import Scene, SceneSet


class _Object(NamedTuple):
    name: str
    box: tuple[float, float, float, float]
    difficult: bool


class _Annotation(NamedTuple):
    size: tuple[int, int] | None
    objects: list[_Object]


def load_voc(
    root: Path, split: str, *, categories: Sequence[str] | None = VOC_CATEGORIES, data: str = "voc2007"
) -> SceneSet:
    """The scenes that ``ImageSets/Main/<split>.txt`` lists, in its order. No photo is opened.

    ``root`` holds JPEGImages, Annotations and ImageSets. Without ``categories`` they are the names that the
    split's annotations use, sorted. VOC's boxes are 1-based and inclusive; x0 = xmin - 1, x1 = xmax.

    Raises:
        DataError: a missing or empty split, a missing or malformed annotation, an unknown category.
    """
    names = _read_split(root, split)
    annotations = [_read_annotation(root / "Annotations" / f"{name}.xml") for name in names]
    found = {thing.name for annotation in annotations for thing in annotation.objects}
    known = tuple(sorted(found)) if categories is None else tuple(categories)
    if not known:
        raise DataError(f"{root}: no object in any annotation of {split!r}, so no category to count")
    scenes = (_scene(root, name, of_one, known) for name, of_one in zip(names, annotations, strict=True))
    return SceneSet(data, split, "voc", known, tuple(scenes))


def _read_split(root: Path, split: str) -> list[str]:
    folder = root / "ImageSets" / "Main"
    path = folder / f"{split}.txt"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.txt") if "_" not in file.stem))
        raise DataError(f"{path}: no such split{f' (there are {there})' if there else ''}")
    names = path.read_text(encoding="utf-8", errors="replace").split()
    if not names:
        raise DataError(f"{path}: lists no image")
    twice = (
        next((name for name in set(names) if names.count(name) > 1), None)
        if len(set(names)) < len(names)
        else None
    )
    if twice:
        raise DataError(f"{path}: lists {twice} twice")
    return names


def _read_annotation(path: Path) -> _Annotation:
    try:
        text = path.read_bytes()
    except OSError:
        raise DataError(f"{path}: no such annotation") from None
    if b"<!DOCTYPE" in text:
        raise DataError(f"{path}: refused, an annotation needs no DOCTYPE")
    try:
        tree = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataError(f"{path}: not XML ({error})") from None
    return _Annotation(_size(tree), [_object(path, element) for element in tree.findall("object")])


def _size(tree: ElementTree.Element) -> tuple[int, int] | None:
    """(width, height), or None where the annotation does not say."""
    width, height = (tree.findtext(f"size/{name}", "").strip() for name in ("width", "height"))
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        return None
    return int(width), int(height)


def _object(path: Path, element: ElementTree.Element) -> _Object:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise DataError(f"{path}: an object without a name")
    try:
        x0, y0, x1, y1 = (float(element.findtext(f"bndbox/{key}", "")) for key in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        raise DataError(f"{path}: the {name} has no bndbox of four numbers") from None
    if not np.isfinite([x0, y0, x1, y1]).all():
        raise DataError(f"{path}: the {name}'s box is not finite")
    if x0 > x1 or y0 > y1:
        raise DataError(f"{path}: the {name}'s box is reversed, xmin {x0:g} xmax {x1:g} ymin {y0:g} ymax {y1:g}")
    return _Object(name, (x0 - 1, y0 - 1, x1, y1), (element.findtext("difficult") or "0").strip() == "1")


def _scene(root: Path, name: str, annotation: _Annotation, categories: tuple[str, ...]) -> Scene:
    place = {category: index for index, category in enumerate(categories)}
    for thing in annotation.objects:
        if thing.name not in place:
            where = root / "Annotations" / f"{name}.xml"
            raise DataError(f"{where}: unknown category {thing.name!r}, name yours with categories")
    photo = _photo(root, name)
    size = annotation.size or _size_of(photo)
    boxes = np.array([thing.box for thing in annotation.objects], dtype=np.float64).reshape(-1, 4)
    return Scene(
        id=name,
        number=re.sub(r"^0+(?=\d)", "", name) if name.isdigit() else name,
        path=photo,
        size=size,
        boxes=np.clip(boxes, 0, [*size, *size]),
        labels=np.array([place[thing.name] for thing in annotation.objects], dtype=np.int64),
        difficult=np.array([thing.difficult for thing in annotation.objects], dtype=bool),
        crowd=np.zeros(len(annotation.objects), dtype=bool),
        categories=categories,
    )


def _photo(root: Path, name: str) -> Path:
    folder = root / "JPEGImages"
    usual = folder / f"{name}.jpg"
    if usual.exists():
        return usual
    others = (folder / f"{name}{suffix}" for suffix in sorted(SUFFIXES))
    return next((path for path in others if path.exists()), usual)


def _size_of(photo: Path) -> tuple[int, int]:
    """A photo's size from its header, for annotations that do not give it."""
    try:
        with Image.open(photo) as image:
            return image.size
    except (OSError, UnidentifiedImageError):
        raise DataError(f"{photo}: its annotation gives no size, and the photo cannot be read") from None
