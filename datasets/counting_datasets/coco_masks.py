"""Masks and boxes from COCO segmentations, which are polygons or run-length encodings (RLE)."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting_datasets.photo import MAX_PIXELS


def is_mask(segmentation: Any, size: tuple[int, int]) -> bool:
    """Whether ``segmentation`` is polygons of at least three corners each, or an RLE of the photo's size."""
    if isinstance(segmentation, dict):
        return "counts" in segmentation and segmentation.get("size") == [size[1], size[0]]
    if not isinstance(segmentation, list) or not segmentation:
        return False
    return all(
        isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in segmentation
    )


def decode(segmentation: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The height×width mask, as ``COCO.annToMask`` decodes it; ``size`` is (width, height).

    Raises:
        ValueError: a corner far outside the photo, runs that do not add up to its pixels, or too large a size.
    """
    from pycocotools import mask as coder

    width, height = size
    if width * height > MAX_PIXELS:
        raise ValueError(f"more than {MAX_PIXELS:,} pixels")
    if isinstance(segmentation, list):
        corners = np.concatenate([np.asarray(polygon, dtype=np.float64) for polygon in segmentation])
        if not (np.abs(corners) <= 100 * max(size)).all():
            raise ValueError("a corner far outside the photo")
        rle = coder.merge(coder.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        if sum(segmentation["counts"]) != width * height:
            raise ValueError("its runs do not add up to the photo's pixels")
        rle = coder.frPyObjects(segmentation, height, width)
    else:
        rle = segmentation
    decoded: NDArray[np.uint8] = coder.decode(rle)
    if int(decoded.sum()) != int(coder.area(rle)):
        raise ValueError("its runs do not add up to the photo's pixels")
    return decoded.astype(bool)


def box_around(segmentation: Any) -> list[float] | None:
    """The box (x, y, width, height) around polygons or an RLE; None if ``segmentation`` is neither.

    Raises:
        ValueError: an invalid RLE.
    """
    if isinstance(segmentation, dict):
        return _box_around_rle(segmentation)
    numbers = _corners(segmentation)
    if len(numbers) < 6 or len(numbers) % 2 or not all(map(math.isfinite, numbers)):
        return None
    xs, ys = numbers[::2], numbers[1::2]
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def _corners(segmentation: Any) -> list[float]:
    """x, y, x, y, … of all polygons, which some tools write as a flat list or as pairs."""
    if not isinstance(segmentation, list):
        return []
    numbers: list[float] = []
    for part in segmentation:
        if isinstance(part, list):
            numbers += _corners(part)
        elif isinstance(part, int | float) and not isinstance(part, bool):
            numbers.append(part)
        else:
            return []
    return numbers


def _box_around_rle(rle: dict[str, Any]) -> list[float] | None:
    size = rle.get("size")
    if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
        return None
    mask = decode(rle, (size[1], size[0]))
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return [0, 0, 0, 0]
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]
