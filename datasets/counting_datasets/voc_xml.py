"""One VOC annotation file, as VOC, labelImg, LabelMe, roLabelImg, CVAT, Roboflow and others write it."""

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
_ENDS = ("xmin", "ymin", "xmax", "ymax")
_ROTATED = ("robndbox", "rotated_bbox", "rotatedbox", "rbndbox")
_SHAPES = frozenset({"bndbox", "polygon", *_ROTATED, *_ENDS})
_PARTS = frozenset({"part", "parts"})
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_WIDER = {
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950", "shift_jis": "cp932", "euc-kr": "cp949",
    "utf-16": "utf-8", "utf16": "utf-8",
}  # fmt: skip
"""What files are in that declare a narrower encoding, or UTF-16 though they are written byte by byte."""


class VocObject(NamedTuple):
    """An annotated object: its category's name, box (x0, y0, x1, y1: 0-based, half-open pixels) and flag."""

    name: str
    box: Box
    difficult: bool


class VocAnnotation(NamedTuple):
    """What an annotation file says; ``size`` is (width, height), or None where it does not say."""

    path: Path
    size: tuple[int, int] | None
    objects: list[VocObject]


def read_annotation(path: Path) -> VocAnnotation:
    """The objects in a photo.

    Tags are read in any case and namespace, and objects also inside other elements (``<objects>``); parts of
    objects do not count. VOC's boxes are 1-based and inclusive: x0 = xmin - 1, x1 = xmax. An object with several
    ``bndbox`` is as many objects. One without has the box around its ``polygon``, or around its ``robndbox`` (cx,
    cy, w, h and angle, in radians up to 2π and in degrees beyond).

    Raises:
        DataError: the file is missing or malformed, or some shape in it would not count.
    """
    tree = _annotation(path, _parse(path))
    return VocAnnotation(path, _size(path, tree), [found for thing in _objects(path, tree) for found in thing])


def _parse(path: Path) -> Element:
    text = _decode(path, read_bytes(path, lambda: "no such annotation"))
    if "<!DOCTYPE" in text:
        raise DataError(f"{path}: refused, an annotation needs no DOCTYPE")
    try:
        tree = fromstring(text.lstrip("\ufeff \t\r\n"))
    except (ParseError, ValueError) as error:
        raise DataError(f"{path}: not XML ({error})") from None
    for element in tree.iter():
        if not element.tag.isalpha() or not element.tag.islower():
            element.tag = element.tag.rpartition("}")[2].lower()
    return tree


def _decode(path: Path, content: bytes) -> str:
    """The text, by its byte order mark or the encoding that it declares; expat itself knows hardly any."""
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if encoding is None:
        declared = _DECLARED.match(content)
        encoding = declared[1].decode().lower() if declared else "utf-8"
        encoding = _WIDER.get(encoding, encoding)
    try:
        return content.decode(encoding)
    except UnicodeError:
        raise DataError(
            f"{path}: not XML in {encoding.upper()}: save it as UTF-8, or let its first line declare its encoding"
        ) from None
    except LookupError:
        raise DataError(f"{path}: not XML in an encoding that can be read: it declares {encoding}") from None


def _annotation(path: Path, tree: Element) -> Element:
    """The one annotation in the file."""
    inside = [element for element in tree.iter("annotation") if element is not tree]
    if tree.tag == "annotations" and len(inside) == 1:
        return inside[0]
    if tree.tag == "annotations" and inside:
        raise DataError(f"{path}: holds {len(inside)} annotations, should hold one photo's")
    if tree.tag != "annotation":
        raise DataError(f"{path}: not a VOC annotation, its outermost element is <{tree.tag}>")
    if len(inside) > 1:
        raise DataError(f"{path}: holds {len(inside)} annotations, should hold one photo's")
    return tree


def _size(path: Path, tree: Element) -> tuple[int, int] | None:
    sizes = sorted(filter(None, {_size_of(path, element) for element in tree.iter("size")}))
    if len(sizes) > 1:
        raise DataError(f"{path}: gives several sizes: {', '.join(map(str, sizes))}")
    return sizes[0] if sizes else None


def _size_of(path: Path, element: Element) -> tuple[int, int] | None:
    values = _values(element)
    width, height = (_number(_only(path, values, side, "its size")) for side in ("width", "height"))
    if not (width.is_integer() and height.is_integer() and width > 0 and height > 0):
        return None
    return int(width), int(height)


def _objects(path: Path, tree: Element) -> Iterator[list[VocObject]]:
    """The objects of each ``<object>``, wherever it stands but in another."""
    waiting = [tree]
    while waiting:
        for element in waiting.pop():
            if element.tag == "object" and not _is_wrapper(element):
                yield _object(path, element)
            elif element.tag in _SHAPES:
                raise DataError(f"{path}: a <{element.tag}> outside of any <object>")
            elif element.tag != "size":
                waiting.append(element)


def _is_wrapper(element: Element) -> bool:
    """Whether it only holds objects: ``<Object>`` around ``<object>``."""
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
    """No shape may lie deeper in an object than counting looks for it, but in its parts."""
    waiting = [child for child in element if len(child) and child.tag not in _SHAPES]
    while waiting:
        outer = waiting.pop()
        if outer.tag == "object":
            raise DataError(f"{path}: an <object> inside the <object> of a {name}")
        if outer.tag not in _PARTS:
            waiting.extend(outer)
            inner = next((child.tag for child in outer if child.tag in _SHAPES), None)
            if inner:
                raise DataError(f"{path}: a {name}'s <{inner}> lies inside its <{outer.tag}>")


def _boxes(path: Path, name: str, element: Element) -> list[Box]:
    boxes = element.findall("bndbox")
    rotated = [child for child in element if child.tag in _ROTATED]
    if boxes and len(rotated) > len(boxes):
        raise DataError(f"{path}: a {name} has {len(boxes)} bndbox, but {len(rotated)} rotated boxes")
    if boxes:
        return [_upright_box(path, name, box) for box in boxes]
    if rotated:
        return [_around_rotated(path, name, box) for box in rotated]
    polygons = element.findall("polygon")
    if len(polygons) > 1:
        raise DataError(f"{path}: a {name} has {len(polygons)} polygons: give each an object of its own")
    return [_around_polygon(path, name, polygons[0]) if polygons else _upright_box(path, name, element)]


def _upright_box(path: Path, name: str, element: Element) -> Box:
    xmin, ymin, xmax, ymax = _numbers(path, element, _ENDS, f"a {name}'s bndbox")
    if xmin > xmax or ymin > ymax:
        raise DataError(
            f"{path}: a {name}'s bndbox is reversed: xmin {xmin:g}, xmax {xmax:g}, ymin {ymin:g}, ymax {ymax:g}"
        )
    return xmin - 1, ymin - 1, xmax, ymax


def _around_rotated(path: Path, name: str, element: Element) -> Box:
    cx, cy, width, height, angle = _numbers(path, element, ("cx", "cy", "w", "h", "angle"), f"a {name}'s robndbox")
    if width < 0 or height < 0:
        raise DataError(f"{path}: a {name}'s robndbox has a negative side: w {width:g}, h {height:g}")
    turn = angle if abs(angle) <= 2 * math.pi else math.radians(angle)
    across = (abs(width * math.cos(turn)) + abs(height * math.sin(turn))) / 2
    down = (abs(width * math.sin(turn)) + abs(height * math.cos(turn))) / 2
    return cx - across, cy - down, cx + across, cy + down


def _around_polygon(path: Path, name: str, polygon: Element) -> Box:
    """From corners written as <x1>, <y1>, …, as <pt><x/><y/></pt> or as <point>x,y</point>."""
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
        raise DataError(f"{path}: a {name}'s polygon is not three corners or more, an x and a y each")
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
        raise DataError(f"{path}: {whose} is missing or not finite numbers {', '.join(keys)}")
    return numbers


def _values(element: Element) -> dict[str, list[str]]:
    """Tag → the different texts of the children with that tag, and of the attribute of that name."""
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
    """The text of ``tag``, "" where there is none."""
    texts = values.get(tag, [""])
    if len(texts) > 1:
        raise DataError(f"{path}: {whose} has several {tag}: {', '.join(map(repr, texts))}")
    return texts[0]


def _flag(path: Path, values: dict[str, list[str]], tag: str, name: str) -> bool:
    text = _only(path, values, tag, f"a {name}").lower()
    if text not in _FLAGS:
        raise DataError(f"{path}: a {name}'s {tag} is {text!r}, should be 0 or 1")
    return _FLAGS[text]
