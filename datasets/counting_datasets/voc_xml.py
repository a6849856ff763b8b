"""Read VOC annotation files of VOC, labelImg, LabelMe, roLabelImg, CVAT, Roboflow and other tools."""

import codecs
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, fromstring

from counting_datasets.errors import DataError
from counting_datasets.text_files import nfc, read_bytes

Box = tuple[float, float, float, float]

_FLAGS = {"": False, "0": False, "1": True, "false": False, "true": True, "no": False, "yes": True}
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_ROTATED = ("robndbox", "rotated_bbox", "rotatedbox", "rbndbox")
_SHAPES = frozenset({"bndbox", "polygon", *_ROTATED, *_CORNERS})
_PARTS = frozenset({"part", "parts"})
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_ACTUAL_ENCODING = {
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950", "shift_jis": "cp932", "euc-kr": "cp949",
    "utf-16": "utf-8", "utf16": "utf-8",
}  # fmt: skip
"""Encoding to decode with, by declared encoding; tools often declare a smaller one, or UTF-16 instead of UTF-8."""


class VocObject(NamedTuple):
    """An annotated object: category name, box (x0, y0, x1, y1; 0-based, half-open pixels) and difficult flag."""

    name: str
    box: Box
    difficult: bool


class VocAnnotation(NamedTuple):
    """The content of an annotation file; ``size`` is the photo's (width, height), or None if it is not given."""

    path: Path
    size: tuple[int, int] | None
    objects: list[VocObject]


def read_annotation(path: Path) -> VocAnnotation:
    """Read the annotation of a photo.

    Tags may have any case and namespace, and objects may be inside other elements (``<objects>``). Parts of
    objects do not count. VOC's boxes are 1-based and inclusive: x0 = xmin - 1, x1 = xmax. An object with several
    ``bndbox`` elements becomes several objects. An object without one gets the box around its ``polygon`` or its
    ``robndbox`` (cx, cy, w, h and angle; angles up to 2π are in radians, larger ones in degrees).

    Raises:
        DataError: the file is missing or malformed, or has a shape that would not be counted.
    """
    tree = _annotation(path, _parse(path))
    return VocAnnotation(path, _size(path, tree), [found for thing in _objects(path, tree) for found in thing])


def _parse(path: Path) -> Element:
    text = _decode(path, read_bytes(path, lambda: "no such annotation"))
    if "<!DOCTYPE" in text:
        raise DataError(f"{path}: a DOCTYPE is not allowed in an annotation; remove it")
    try:
        tree = fromstring(text.lstrip("\ufeff \t\r\n"))
    except (ParseError, ValueError) as error:
        raise DataError(f"{path}: not XML ({error})") from None
    for element in tree.iter():
        if not element.tag.isalpha() or not element.tag.islower():
            element.tag = element.tag.rpartition("}")[2].lower()
    return tree


def _decode(path: Path, content: bytes) -> str:
    """Decode by byte order mark or declared encoding; expat itself supports few encodings."""
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), None)
    if encoding is None:
        declared = _DECLARED.match(content)
        encoding = declared[1].decode().lower() if declared else "utf-8"
        encoding = _ACTUAL_ENCODING.get(encoding, encoding)
    try:
        return content.decode(encoding)
    except UnicodeError:
        raise DataError(
            f"{path}: not XML in {encoding.upper()}: save it as UTF-8, or declare its encoding in the first line"
        ) from None
    except LookupError:
        raise DataError(f"{path}: not XML in a known encoding: it declares {encoding}; save it as UTF-8") from None


def _annotation(path: Path, tree: Element) -> Element:
    """The only annotation in the file."""
    inside = [element for element in tree.iter("annotation") if element is not tree]
    if tree.tag == "annotations" and len(inside) == 1:
        return inside[0]
    if len(inside) > 1 and tree.tag in ("annotation", "annotations"):
        raise DataError(f"{path}: has {len(inside)} annotations, should have one, of a single photo")
    if tree.tag != "annotation":
        raise DataError(f"{path}: not a VOC annotation: the outermost element is <{tree.tag}>")
    return tree


def _size(path: Path, tree: Element) -> tuple[int, int] | None:
    sizes = sorted(filter(None, {_size_of(path, element) for element in tree.iter("size")}))
    if len(sizes) > 1:
        raise DataError(f"{path}: several sizes: {', '.join(map(str, sizes))}")
    return sizes[0] if sizes else None


def _size_of(path: Path, element: Element) -> tuple[int, int] | None:
    values = _values(element)
    width, height = (_number(_only(path, values, side, "the size")) for side in ("width", "height"))
    if not (width.is_integer() and height.is_integer() and width > 0 and height > 0):
        return None
    return int(width), int(height)


def _objects(path: Path, tree: Element) -> Iterator[list[VocObject]]:
    """The objects of each ``<object>`` in ``tree`` that is not inside another one."""
    waiting = [tree]
    while waiting:
        for element in waiting.pop():
            if element.tag == "object" and not _is_wrapper(element):
                yield _object(path, element)
            elif element.tag in _SHAPES:
                raise DataError(f"{path}: <{element.tag}> outside any <object>")
            elif element.tag != "size":
                waiting.append(element)


def _is_wrapper(element: Element) -> bool:
    """Whether ``element`` only contains other objects: ``<Object>`` around ``<object>``."""
    tags = {child.tag for child in element}
    return "object" in tags and "name" not in tags and not tags & _SHAPES


def _object(path: Path, element: Element) -> list[VocObject]:
    values = _values(element)
    name = " ".join(nfc(_only(path, values, "name", "an object")).split())
    if not name:
        raise DataError(f"{path}: an object without a name")
    _refuse_nested(path, name, element)
    if _flag(path, values, "deleted", name):
        return []
    difficult = _flag(path, values, "difficult", name)
    return [VocObject(name, box, difficult) for box in _boxes(path, name, element)]


def _refuse_nested(path: Path, name: str, element: Element) -> None:
    """Refuse shapes in nested elements of an object, which would not be counted; its parts may have shapes."""
    waiting = [child for child in element if len(child) and child.tag not in _SHAPES]
    while waiting:
        outer = waiting.pop()
        if outer.tag == "object":
            raise DataError(f"{path}: object {name!r} contains another <object>")
        if outer.tag not in _PARTS:
            waiting.extend(outer)
            inner = next((child.tag for child in outer if child.tag in _SHAPES), None)
            if inner:
                raise DataError(f"{path}: object {name!r} has its <{inner}> inside <{outer.tag}>; move it out")


def _boxes(path: Path, name: str, element: Element) -> list[Box]:
    boxes = element.findall("bndbox")
    rotated = [child for child in element if child.tag in _ROTATED]
    if boxes and len(rotated) > len(boxes):
        raise DataError(f"{path}: object {name!r} has {len(boxes)} bndbox, but {len(rotated)} rotated boxes")
    if boxes:
        return [_upright_box(path, name, box) for box in boxes]
    if rotated:
        return [_around_rotated(path, name, box) for box in rotated]
    polygons = element.findall("polygon")
    if len(polygons) > 1:
        raise DataError(f"{path}: object {name!r} has {len(polygons)} polygons; make each a separate object")
    return [_around_polygon(path, name, polygons[0]) if polygons else _upright_box(path, name, element)]


def _upright_box(path: Path, name: str, element: Element) -> Box:
    xmin, ymin, xmax, ymax = _numbers(path, element, _CORNERS, f"object {name!r}: bndbox")
    if xmin > xmax or ymin > ymax:
        raise DataError(
            f"{path}: object {name!r}: bndbox is reversed: "
            f"xmin {xmin:g}, xmax {xmax:g}, ymin {ymin:g}, ymax {ymax:g}"
        )
    return xmin - 1, ymin - 1, xmax, ymax


def _around_rotated(path: Path, name: str, element: Element) -> Box:
    keys = ("cx", "cy", "w", "h", "angle")
    cx, cy, width, height, angle = _numbers(path, element, keys, f"object {name!r}: robndbox")
    if width < 0 or height < 0:
        raise DataError(f"{path}: object {name!r}: robndbox has a negative side: w {width:g}, h {height:g}")
    radians = angle if abs(angle) <= 2 * math.pi else math.radians(angle)
    half_width = (abs(width * math.cos(radians)) + abs(height * math.sin(radians))) / 2
    half_height = (abs(width * math.sin(radians)) + abs(height * math.cos(radians))) / 2
    return cx - half_width, cy - half_height, cx + half_width, cy + half_height


def _around_polygon(path: Path, name: str, polygon: Element) -> Box:
    """The box around a polygon whose corners are <x1>, <y1>, …, <pt><x/><y/></pt> or <point>x,y</point>."""
    xs, ys = [], []
    for element in polygon.iter():
        for tag, text in [(element.tag, element.text or ""), *element.items()]:
            numbers = [_number(part) for part in re.split(r"[\s,;]+", text.strip())] if text.strip() else []
            if re.fullmatch(r"x\d*", tag.lower()):
                xs += numbers
            elif re.fullmatch(r"y\d*", tag.lower()):
                ys += numbers
            elif len(numbers) % 2 == 0 and element.tag in ("polygon", "points", "point", "pt"):
                xs, ys = xs + numbers[::2], ys + numbers[1::2]
    if len(xs) < 3 or len(xs) != len(ys) or not all(map(math.isfinite, xs + ys)):
        raise DataError(f"{path}: object {name!r}: polygon should have at least three corners, each with x and y")
    return min(xs) - 1, min(ys) - 1, max(xs), max(ys)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _numbers(path: Path, element: Element, keys: tuple[str, ...], whose: str) -> list[float]:
    values = _values(element)
    numbers = [_number(_only(path, values, key, whose)) for key in keys]
    if not all(map(math.isfinite, numbers)):
        raise DataError(f"{path}: {whose} is missing or not finite, should have the numbers {', '.join(keys)}")
    return numbers


def _values(element: Element) -> dict[str, list[str]]:
    """Tag → the distinct texts of the child elements and the attribute with that name."""
    values: dict[str, list[str]] = {}
    texts = [(child.tag, child.text) for child in element]
    texts += [(key.rpartition("}")[2].lower(), text) for key, text in element.items()]
    for tag, given in texts:
        text = given.strip() if given else ""
        if tag not in values:
            values[tag] = [text]
        elif text not in values[tag]:
            values[tag].append(text)
    return values


def _only(path: Path, values: dict[str, list[str]], tag: str, whose: str) -> str:
    """The only text of ``tag``, or "" if there is none."""
    texts = values.get(tag, [""])
    if len(texts) > 1:
        raise DataError(f"{path}: {whose} has several {tag}: {', '.join(map(repr, texts))}")
    return texts[0]


def _flag(path: Path, values: dict[str, list[str]], tag: str, name: str) -> bool:
    text = _only(path, values, tag, f"object {name!r}").lower()
    if text not in _FLAGS:
        raise DataError(f"{path}: object {name!r} has {tag} {text!r}, should be 0 or 1")
    return _FLAGS[text]
