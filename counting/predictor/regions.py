"""Regions of a photo: polygons from LabelMe's files, supervision's lists of polygons, or named polygons."""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting_datasets.errors import DataError
from counting_datasets.text_files import read_json

KINDS = ("polygon", "rectangle")
"""LabelMe's kinds of shapes that are regions."""

FARTHEST = 1e6
"""Largest coordinate in pixels."""


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a photo.

    Attributes:
        name: its label, or "region 1", "region 2", …
        polygon: n×2: x and y of the corners in pixels.
        size: (width, height) of the photo that it was drawn on; None if unknown.
    """

    name: str
    polygon: NDArray[np.float64]
    size: tuple[float, float] | None = None

    def on(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """The polygon on a photo of ``size``, scaled if it was drawn on one of another size."""
        return self.polygon if self.size is None else self.polygon * np.divide(size, self.size)


def contains(polygon: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """n flags: which of n×2 points are in the polygon, by the even-odd rule.

    A point on a side that two polygons share is in exactly one of them.
    """
    inside = np.zeros(len(points), dtype=bool)
    x, y = points.T
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        (x0, y0), (x1, y1) = (a, b) if a[1] <= b[1] else (b, a)
        if y0 < y1:
            crossing = x0 + (x1 - x0) * ((y - y0) / (y1 - y0))
            inside ^= (y0 <= y) & (y < y1) & (x < crossing)
    return inside


def read_regions(source: Any) -> tuple[Region, ...]:
    """The regions of a file, or those described by its content.

    Raises:
        DataError: the file cannot be read, or does not describe regions.
    """
    if isinstance(source, str | os.PathLike):
        if not os.fspath(source).strip():
            raise DataError("empty path: give the path of a file with regions")
        path = Path(os.fspath(source))
        try:
            return parse_regions(read_json(path))
        except DataError as error:
            raise DataError(str(error) if str(error).startswith(f"{path}:") else f"{path}: {error}") from None
    if isinstance(source, Sequence) and source and all(isinstance(one, Region) for one in source):
        return tuple(source)
    return parse_regions(source)


def parse_regions(content: Any) -> tuple[Region, ...]:
    """The regions that the content of a file describes.

    Raises:
        DataError: it does not describe regions.
    """
    content = _as_lists(content)
    if isinstance(content, dict) and "shapes" in content:
        return _distinct(_from_labelme(content))
    if isinstance(content, dict) and content:
        return _distinct(Region(str(name), _polygon(corners, str(name))) for name, corners in content.items())
    if isinstance(content, list) and content:
        polygons = [content] if _is_polygon(content) else content
        names = (f"region {number}" for number in range(1, len(polygons) + 1))
        return tuple(Region(name, _polygon(corners, name)) for name, corners in zip(names, polygons, strict=True))
    raise DataError("no regions: give polygons such as [[[0, 0], [640, 0], [640, 200]]], or a file of LabelMe")


def _from_labelme(content: dict[str, Any]) -> Iterator[Region]:
    shapes = content["shapes"]
    if not isinstance(shapes, list) or not shapes:
        raise DataError("no regions: `shapes` must be a list with at least one shape")
    sides: list[Any] = [content.get(key) for key in ("imageWidth", "imageHeight")]
    known = all(_is_number(side) and side > 0 for side in sides)
    size = (float(sides[0]), float(sides[1])) if known else None
    for number, shape in enumerate(shapes, 1):
        if not isinstance(shape, dict):
            raise DataError(f"shape {number} is {type(shape).__name__}, not an object with `points`")
        kind = shape.get("shape_type", KINDS[0])
        if kind not in KINDS:
            raise DataError(f"shape {number} is a {kind}: regions are polygons or rectangles")
        name = str(shape.get("label") or f"region {number}")
        corners = shape.get("points")
        if kind == "rectangle" and isinstance(corners, list) and len(corners) == 2:
            if not all(map(_is_corner, corners)):
                raise DataError(f"{name}: the corners must be two numbers each")
            (x0, y0), (x1, y1) = corners
            corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
        yield Region(name, _polygon(corners, name), size)


def _polygon(corners: Any, name: str) -> NDArray[np.float64]:
    """The corners as n×2; a repeated first corner at the end does no harm.

    Raises:
        DataError: they do not form a polygon.
    """
    if not _is_polygon(corners):
        raise DataError(f"{name}: a polygon is a list of at least three corners, each two numbers: x, y in pixels")
    found = np.array(corners, dtype=np.float64)
    if np.linalg.matrix_rank(found - found[0]) < 2:
        raise DataError(f"{name}: the corners are on one line")
    return found


def _is_polygon(corners: Any) -> bool:
    return isinstance(corners, list) and len(corners) >= 3 and all(map(_is_corner, corners))


def _is_corner(corner: Any) -> bool:
    return isinstance(corner, list) and len(corner) == 2 and all(map(_is_number, corner))


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and abs(value) <= FARTHEST and math.isfinite(value)


def _as_lists(content: Any) -> Any:
    """``content`` with tuples and arrays as lists."""
    if hasattr(content, "tolist"):
        return content.tolist()
    if isinstance(content, Mapping):
        return {key: _as_lists(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_as_lists(one) for one in content]
    return content


def _distinct(regions: Iterator[Region]) -> tuple[Region, ...]:
    """The regions with a number behind a name that an earlier one has."""
    found: dict[str, Region] = {}
    for region in regions:
        name, number = region.name, 1
        while name in found:
            number += 1
            name = f"{region.name} {number}"
        found[name] = Region(name, region.polygon, region.size)
    return tuple(found.values())
