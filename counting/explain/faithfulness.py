"""Is a map right? Measures of a map of H×W values against boxes (n×4, x0, y0, x1, y1 in its pixels) and others.

Grad-CAM (Selvaraju et al., ICCV 2017), sections 4.1 (localization), 4.3 and 5.2 (pointing, occlusion).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

Values = NDArray[np.floating]
Boxes = NDArray[np.float64]

SEGMENT = 0.15
"""Places of at least this share of a map's maximum make up its segments."""

OVERLAP = 0.5
"""The least intersection over union of a box that is found."""


def points_inside(values: Values, boxes: Boxes, tolerance: float = 0.0) -> bool:
    """The pointing game: whether the maximum lies in a box, or within ``tolerance`` pixels of one.

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
    found = np.array([columns.start, rows.start, columns.stop, rows.stop], dtype=np.float64)
    return bool((intersection_over_union(found, boxes) >= OVERLAP).any())


def intersection_over_union(box: NDArray[np.float64], boxes: Boxes) -> NDArray[np.float64]:
    """Of one box with each of n."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    inside = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return np.asarray(inside / (areas - inside))


def energy_inside(values: Values, boxes: Boxes) -> float:
    """The share of the map that lies in the boxes; 0 of a map that is zero all over."""
    total = values.sum()
    return float(values[covered(boxes, values.shape)].sum() / total) if total > 0 else 0.0


def covered(boxes: Boxes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """H×W: which pixels lie in a box, at least in part."""
    inside = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in boxes:
        inside[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
    return inside
