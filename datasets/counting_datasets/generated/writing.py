"""Write generated scenes to disk in the PASCAL VOC layout."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from rich.console import Console
from rich.progress import track

from counting_datasets.errors import DataError
from counting_datasets.generated.composition import DrawnObject, DrawnScene, compose
from counting_datasets.generated.objects import DRAWERS

GENERATED_CATEGORIES = tuple(DRAWERS)
_SMALLEST = 64


def draw_scene(
    index: int,
    *,
    seed: int = 0,
    size: tuple[int, int] = (320, 240),
    categories: Sequence[str] = GENERATED_CATEGORIES,
) -> DrawnScene:
    """Draw scene ``index`` for ``seed``, always the same scene; ``size`` is (width, height) in pixels.

    Raises:
        DataError: no categories, a category that cannot be drawn, or a side under 64 pixels.
    """
    unknown = [name for name in categories if name not in DRAWERS]
    if unknown or not categories:
        wrong = f"cannot draw {unknown[0]}" if unknown else "no categories to draw"
        raise DataError(f"{wrong}; available: {', '.join(DRAWERS)}")
    if min(size) < _SMALLEST:
        raise DataError(f"a scene of {size[0]}×{size[1]} pixels is too small: the minimum is {_SMALLEST} a side")
    return compose(np.random.default_rng([seed, index]), size, categories)


def write_scenes(
    root: Path,
    *,
    train: int,
    val: int,
    test: int,
    seed: int = 0,
    size: tuple[int, int] = (320, 240),
    categories: Sequence[str] = GENERATED_CATEGORIES,
    progress: bool = True,
) -> None:
    """Write ``train``, ``val`` and ``test`` scenes to ``root`` in VOC's layout.

    Scenes are numbered consecutively through train, val and test. Writes are atomic, a file that already has the
    right content is left alone, and split lists are written last. Boxes are tight around the visible part of an
    object. An object that is mostly hidden is not annotated; one that is more than half hidden is difficult.

    Raises:
        DataError: as ``draw_scene``, a negative number of scenes or seed, or a folder that cannot be written.
    """
    if min(train, val, test, seed) < 0:
        raise DataError("the numbers of scenes and the seed cannot be negative")
    numbers = range(train + val + test)
    shown = track(
        numbers, "drawing scenes", console=(console := Console(stderr=True)), disable=not console.is_terminal
    )
    try:
        for index in shown if progress else numbers:
            scene = draw_scene(index, seed=seed, size=size, categories=categories)
            name = _name(index)
            _write(root / "JPEGImages" / f"{name}.jpg", _jpeg(scene))
            _write(root / "Annotations" / f"{name}.xml", _annotation(name, scene))
        ends = {"train": (0, train), "val": (train, train + val), "trainval": (0, train + val)}
        for split, (first, end) in {**ends, "test": (train + val, train + val + test)}.items():
            listing = "".join(f"{_name(index)}\n" for index in range(first, end))
            _write(root / "ImageSets" / "Main" / f"{split}.txt", listing.encode())
    except OSError as error:
        raise DataError(f"cannot write {error.filename or root}: {error.strerror or error}") from None


def _name(index: int) -> str:
    return f"{index + 1:06d}"


def _jpeg(scene: DrawnScene) -> bytes:
    buffer = io.BytesIO()
    scene.image.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _annotation(name: str, scene: DrawnScene) -> bytes:
    width, height = scene.image.size
    root = ElementTree.Element("annotation")
    _add(root, folder="generated", filename=f"{name}.jpg")
    _add(ElementTree.SubElement(root, "size"), width=width, height=height, depth=3)
    _add(root, segmented=0)
    for thing in scene.objects:
        _add_object(root, thing)
    ElementTree.indent(root)
    return ElementTree.tostring(root) + b"\n"


def _add_object(root: ElementTree.Element, thing: DrawnObject) -> None:
    """Add an ``<object>``; VOC's boxes are 1-based and include their last pixel."""
    element = ElementTree.SubElement(root, "object")
    _add(element, name=thing.category, pose="Unspecified")
    _add(element, truncated=int(thing.truncated), difficult=int(thing.difficult))
    x0, y0, x1, y1 = thing.box
    _add(ElementTree.SubElement(element, "bndbox"), xmin=x0 + 1, ymin=y0 + 1, xmax=x1, ymax=y1)


def _add(parent: ElementTree.Element, **texts: str | int) -> None:
    for tag, text in texts.items():
        ElementTree.SubElement(parent, tag).text = str(text)


def _write(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
