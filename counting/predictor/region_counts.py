"""Counts in regions of a photo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting.networks.locating import scaled_to
from counting.predictor.category_counts import CategoryCounts
from counting.predictor.regions import Region, contains
from counting.stats.best_guess import BestGuess
from counting.stats.count_distribution import LEVEL, intervals
from counting.stats.parts import in_part

STEPS = 8
"""Where objects are not located, the count of a cell is spread over ``STEPS``×``STEPS`` points in it."""

LEAST = 1e-9
"""Added to the count of each cell, so that an expected count can be divided even if all cells count 0."""


@dataclass(frozen=True, eq=False, repr=False)
class RegionCounts(CategoryCounts):
    """The counts of a region of a photo.

    Attributes:
        region: its name.
        polygon: n×2: its corners in pixels of the photo.
    """

    region: str
    polygon: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON: ``region``, ``polygon``, ``counts``, ``text`` and ``rows`` by category."""
        return {
            "region": self.region,
            "polygon": self.polygon.tolist(),
            "counts": self.counts,
            "text": self.text,
            "rows": [{"category": one.category, **_in_json(one.guess)} for one in self],
        }

    def __str__(self) -> str:
        return f"{self.region}: {self.text}"

    def __repr__(self) -> str:
        return f"RegionCounts({self.region!r}, {self.text})"


def _in_json(guess: BestGuess) -> dict[str, Any]:
    said: dict[str, Any] = {"count": guess.count, "expected": round(guess.expected, 6)}
    if guess.interval is None or guess.probability is None:
        return said
    interval = {"level": LEVEL, "low": guess.low, "high": guess.high}
    return {**said, "interval": interval, "probability": round(guess.probability, 6)}


def count_regions(
    counted: CategoryCounts, cells: NDArray[np.float32], size: tuple[int, int], regions: Sequence[Region]
) -> list[RegionCounts]:
    """The counts in each region of a photo of ``size``, of which ``counted`` are the counts.

    The best guesses of a photo belong to its weightiest points, as they are drawn; those of a region are the ones
    that belong to its points.
    """
    located = _located(counted, cells, size)
    objects = [
        _objects(guess.count, points, ranked=counted.located)
        for guess, points in zip(counted.guesses, located, strict=True)
    ]
    return [_in_region(counted, located, objects, region.name, region.on(size)) for region in regions]


def _in_region(
    counted: CategoryCounts,
    located: Sequence[NDArray[np.float64]],
    objects: Sequence[NDArray[np.int64]],
    name: str,
    polygon: NDArray[np.float64],
) -> RegionCounts:
    guesses, distributions, inside_points = [], [], []
    in_polygon = contains(polygon, np.concatenate(located)[:, :2])
    flags = np.split(in_polygon, np.cumsum([len(points) for points in located])[:-1])
    for one, points, number, inside in zip(counted, located, objects, flags, strict=True):
        count = int(number[inside].sum())
        shown = one.guess.shown and count > 0
        if one.distribution is None:
            guess = BestGuess(count, float(points[inside, 2].sum()), shown)
        else:
            part = in_part(one.distribution.astype(np.float64), points[inside, 2], points[~inside, 2])
            guess = _calibrated(count, part, shown)
            distributions.append(part.astype(np.float32))
        guesses.append(guess)
        if counted.located:
            inside_points.append(scaled_to(guess.expected, points[inside]))
    return RegionCounts(
        categories=counted.categories,
        _guesses=guesses,
        _distribution=np.stack(distributions) if distributions else None,
        _points=inside_points if counted.located else None,
        region=name,
        polygon=polygon,
    )


def _calibrated(count: int, distribution: NDArray[np.float64], shown: bool) -> BestGuess:
    low, high = intervals(distribution.astype(np.float32), LEVEL)
    return BestGuess(
        count=count,
        expected=float(distribution @ np.arange(len(distribution))),
        shown=shown,
        low=int(low),
        high=int(high),
        probability=float(1 - distribution[0]),
        likelihood=float(distribution[min(count, len(distribution) - 1)]),
    )


def _objects(count: int, points: NDArray[np.float64], *, ranked: bool) -> NDArray[np.int64]:
    """How many of ``count`` objects each point stands for: one for each of the weightiest, as long as they last.

    Points that are not ``ranked``, the parts of cells, get objects at equal steps of their summed weight.
    """
    if not len(points):
        return np.zeros(0, dtype=np.int64)
    if ranked:
        return np.bincount(np.arange(count) % len(points), minlength=len(points))
    summed = points[:, 2].cumsum()
    steps = (np.arange(count) + 0.5) / max(count, 1) * summed[-1]
    return np.bincount(np.searchsorted(summed, steps).clip(max=len(points) - 1), minlength=len(points))


def _located(
    counted: CategoryCounts, cells: NDArray[np.float32], size: tuple[int, int]
) -> list[NDArray[np.float64]]:
    """For each category n×3 points in pixels; if none are located, points evenly spread over the cells."""
    if counted.located:
        return [one.points for one in counted if one.points is not None]
    side = round(len(cells) ** 0.5)
    rows, columns = np.divmod(np.arange(len(cells)), side)
    steps = (np.arange(STEPS) + 0.5) / STEPS
    x = (columns[:, None, None] + steps[None, None, :] + 0 * steps[None, :, None]) * size[0] / side
    y = (rows[:, None, None] + steps[None, :, None] + 0 * steps[None, None, :]) * size[1] / side
    places = np.column_stack([x.ravel(), y.ravel()])
    weights = np.repeat(cells.astype(np.float64) + LEAST, STEPS**2, axis=0).T
    return [
        scaled_to(one.expected, np.column_stack([places, of_category]))
        for one, of_category in zip(counted, weights, strict=True)
    ]
