"""Scores of a counter's maps, as a table and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from counting.explain.map_metrics import energy_inside, localizes, points_inside
from counting.stats.metrics import round_half_up

TOLERANCE = 15
"""Largest distance in pixels from an object that is a hit in the pointing game with tolerance."""


@dataclass
class MapScores:
    """Scores of one kind of map: one for each pair of a photo and a category in it, except for ``occlusion``.

    Attributes:
        pointing: whether the maximum is in an object.
        pointing_within: whether it is within ``TOLERANCE`` pixels of one.
        localization: whether the box around the largest segment overlaps an object.
        energy: the share of the map's sum that is in the objects.
        occlusion: rank correlations with the fall of the count under occlusion, for pairs in some photos.
    """

    pointing: list[bool] = field(default_factory=list)
    pointing_within: list[bool] = field(default_factory=list)
    localization: list[bool] = field(default_factory=list)
    energy: list[float] = field(default_factory=list)
    occlusion: list[float] = field(default_factory=list)

    def add(self, values: NDArray[np.floating], boxes: NDArray[np.float64]) -> None:
        """Score a map of the photo's own size against the n×4 boxes of its category."""
        self.pointing.append(points_inside(values, boxes))
        self.pointing_within.append(points_inside(values, boxes, TOLERANCE))
        self.localization.append(localizes(values, boxes))
        self.energy.append(energy_inside(values, boxes))

    def figures(self) -> dict[str, float]:
        """The means, by name."""
        return {name: mean(values) for name, values in vars(self).items()}


@dataclass
class Erasure:
    """Raw counts of a category in whole photos, without its objects, and without everything else."""

    whole: list[float] = field(default_factory=list)
    without_objects: list[float] = field(default_factory=list)
    without_background: list[float] = field(default_factory=list)

    def add(self, whole: float, without_objects: float, without_background: float) -> None:
        self.whole.append(whole)
        self.without_objects.append(without_objects)
        self.without_background.append(without_background)

    def figures(self) -> dict[str, float]:
        """How much the counts depend on their objects.

        ``left_without_objects`` and ``left_without_background`` are shares of the summed raw counts: 0 and 1 are
        ideal. Among the pairs counted as 1 or more, ``falls_to_zero`` is the share whose count is 0 without the
        objects, and ``stays_the_same`` the share whose count is the same without everything else.
        """
        rounded, without_objects, without_background = (
            round_half_up(counts) for counts in (self.whole, self.without_objects, self.without_background)
        )
        counted = rounded > 0
        total = sum(self.whole) or float("nan")
        return {
            "left_without_objects": sum(self.without_objects) / total,
            "left_without_background": sum(self.without_background) / total,
            "falls_to_zero": mean(without_objects[counted] == 0),
            "stays_the_same": mean(rounded[counted] == without_background[counted]),
        }


@dataclass(frozen=True)
class ExplanationScores:
    """The scores of each kind of map, and of erasing objects.

    Attributes:
        photos: number of photos explained.
        erased, occluded: number of photos in which objects were erased, and patches occluded.
    """

    photos: int
    erased: int
    occluded: int
    maps: Mapping[str, MapScores]
    erasure: Erasure

    @property
    def pairs(self) -> int:
        """Number of scored pairs of a photo and a category in it."""
        return len(next(iter(self.maps.values())).pointing)

    def to_json(self) -> dict[str, object]:
        """All figures; undefined ones are null."""
        return {
            "photos": self.photos,
            "pairs": self.pairs,
            "maps": {name: _without_nan(scores.figures()) for name, scores in self.maps.items()},
            "erasure": {"photos": self.erased, **_without_nan(self.erasure.figures())},
            "occlusion": {"photos": self.occluded},
        }

    def to_table(self, title: str) -> Table:
        """For a terminal."""
        table = Table(title=f"{title}, {self.pairs:,} pairs of a photo and a category in it", title_justify="left")
        table.add_column("map")
        for name in ("points inside", f"within {TOLERANCE} px", "localizes", "energy inside", "as occlusion"):
            table.add_column(name, justify="right")
        for name, scores in self.maps.items():
            table.add_row(name, *(f"{figure:.3f}" for figure in scores.figures().values()))
        table.caption = self._caption()
        table.caption_justify = "left"
        return table

    def _caption(self) -> str:
        erased = self.erasure.figures()
        left, without_background, zero, same = (f"{figure:.0%}" for figure in erased.values())
        return (
            f"without its objects, {left} of a count is left, and {zero} fall to 0; without the background "
            f"{without_background} is left, and {same} stay the same (counts in {self.erased} photos); "
            f"occlusion of {self.occluded} photos"
        )


def mean(values: Sequence[float] | NDArray[np.bool_]) -> float:
    """The mean, or NaN where there are no values."""
    return float(np.mean(values)) if len(values) else float("nan")


def _without_nan(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: None if np.isnan(figure) else figure for name, figure in figures.items()}
