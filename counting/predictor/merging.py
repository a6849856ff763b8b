"""Merging of points of one object, as seen in several tiles or at several scales."""

import numpy as np
from numpy.typing import NDArray

REACH = 1.5
"""Largest distance in places, along either axis, of two points of one object; peaks of one map are not so near."""


def merged(
    coarse: NDArray[np.float64],
    fine: NDArray[np.float64],
    coarse_shape: tuple[int, int],
    fine_shape: tuple[int, int],
) -> NDArray[np.float64]:
    """n×3 points of a coarse and m×3 of a fine map as one list, in which each object has one point.

    x and y are shares of the photo's width and height; weights of merged points are added. Fine points within
    ``REACH`` of a weightier one are merged with it; then each coarse point with the nearest fine one within reach.

    Args:
        coarse_shape, fine_shape: (columns, rows) of places of the maps.
    """
    fine = _without_doubles(fine[fine[:, 2] > 0], fine_shape)
    if not len(coarse) or not len(fine):
        return np.concatenate([coarse, fine])
    distance = _distance(coarse, fine, coarse_shape)
    nearest = distance.argmin(axis=1)
    near = distance[np.arange(len(coarse)), nearest] <= REACH
    fine[:, 2] += np.bincount(nearest[near], coarse[near, 2], len(fine))
    return np.concatenate([coarse[~near], fine])


def _without_doubles(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    points = points[np.argsort(-points[:, 2], kind="stable")]
    near = _distance(points, points, shape) <= REACH
    kept = np.ones(len(points), dtype=bool)
    weights = points[:, 2].copy()
    for number in range(len(points)):
        if kept[number]:
            doubles = near[number] & kept
            doubles[: number + 1] = False
            weights[number] += weights[doubles].sum()
            kept &= ~doubles
    return np.column_stack([points[:, :2], weights])[kept]


def _distance(a: NDArray[np.float64], b: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """n×m: the larger of the distances along the two axes, in places."""
    return np.asarray(np.abs((a[:, None, :2] - b[None, :, :2]) * shape).max(axis=2))
