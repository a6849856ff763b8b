"""Non-maximum suppression within each photo and category, in NumPy."""

import numpy as np

from counting.detections import Detections, Ints
from counting.metrics import Floats


def suppress(detections: Detections, iou: float) -> Detections:
    """Without the boxes that overlap a kept, higher-scored box of their photo and category by more than ``iou``.

    Greedy by score, ties in the order given.
    """
    order = np.lexsort((-detections.scores, detections.groups))
    first, second = _overlapping(detections.boxes[order], detections.groups[order], iou)
    kept = np.ones(len(order), dtype=bool)
    # `second` ascends, so whether `first` is kept is settled before it is asked
    for upper, lower in zip(first.tolist(), second.tolist(), strict=True):
        if kept[upper]:
            kept[lower] = False
    flags = np.empty(len(order), dtype=bool)
    flags[order] = kept
    return detections.where(flags)


def _overlapping(boxes: Floats, groups: Ints, iou: float) -> tuple[Ints, Ints]:
    """The pairs of one group whose intersection over union exceeds ``iou``, by their second box.

    Boxes of a group lie together; they are compared at distance 1, 2, … until no group is that large.
    """
    firsts, seconds = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for distance in range(1, len(boxes)):
        pair = np.flatnonzero(groups[distance:] == groups[:-distance])
        if not len(pair):
            break
        close = pair[_iou(boxes[pair], boxes[pair + distance]) > iou]
        firsts.append(close)
        seconds.append(close + distance)
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    order = np.argsort(second, kind="stable")
    return first[order], second[order]


def _iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of P pairs of boxes (P×4 both); 0 for two boxes without area."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.prod(np.clip(sides, 0, None), axis=1)
    area_a, area_b = (np.prod(box[:, 2:] - box[:, :2], axis=1) for box in (a, b))
    union = area_a + area_b - shared
    return np.asarray(np.divide(shared, union, out=np.zeros(len(a)), where=union > 0), dtype=np.float64)
