"""Metrics of a map of H×W values against the boxes of the objects, n×4 (x0, y0, x1, y1) in its pixels.

Grad-CAM (Selvaraju et al., ICCV 2017), sections 4.1 (localization) and 4.3 (pointing). Boxes may reach beyond the
map; those without area, or outside it, cover nothing.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from counting.detection.matching import box_iou

Values = NDArray[np.floating]
Boxes = NDArray[np.float64]

SEGMENT = 0.15
"""Smallest share of a map's maximum that belongs to a segment."""

OVERLAP = 0.5
"""Smallest intersection over union at which a box counts as found."""


def points_inside(values: Values, boxes: Boxes, tolerance: float = 0.0) -> bool:
    """The pointing game: whether the maximum is in a box, or within ``tolerance`` pixels of one.

    A map without a maximum above 0 points nowhere. (Zhang et al., "Top-down neural attention by excitation
    backprop", 2016, whose tolerance is 15.)
    """
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    if values[row, column] <= 0:
        return False
    x, y = column + 0.5, row + 0.5
    across = np.maximum(np.maximum(boxes[:, 0] - x, x - boxes[:, 2]), 0)
    down = np.maximum(np.maximum(boxes[:, 1] - y, y - boxes[:, 3]), 0)
    return bool((np.hypot(across, down) <= tolerance).any())


def localizes(values: Values, boxes: Boxes) -> bool:
    """Whether the box around the largest segment overlaps a true one: intersection over union ≥ ``OVERLAP``."""
    if values.max() <= 0:
        return False
    segments, count = label(values >= SEGMENT * values.max())
    sizes = np.bincount(segments.ravel(), minlength=count + 1)
    rows, columns = find_objects(segments)[int(np.argmax(sizes[1:]))]
    found = np.array([[columns.start, rows.start, columns.stop, rows.stop]], dtype=np.float64)
    return bool((box_iou(found, boxes) >= OVERLAP).any())


def energy_inside(values: Values, boxes: Boxes) -> float:
    """The share of the map's sum that is in the boxes; 0 for a map of zeros."""
    total = values.sum()
    return float(values[covered(boxes, values.shape)].sum() / total) if total > 0 else 0.0


def covered(boxes: Boxes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """H×W flags of the pixels that are in a box, at least in part."""
    inside = np.zeros(shape, dtype=bool)
    height, width = shape
    for x0, y0, x1, y1 in boxes:
        left, top = max(int(np.floor(x0)), 0), max(int(np.floor(y0)), 0)
        right, bottom = min(int(np.ceil(x1)), width), min(int(np.ceil(y1)), height)
        if x0 < x1 and y0 < y1 and left < right and top < bottom:
            inside[top:bottom, left:right] = True
    return inside
