"""What came of scoring a counter's maps: as objects, a table and JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from counting.explain.map_metrics import energy_inside, localizes, points_inside
from counting.stats.metrics import round_half_up

TOLERANCE = 15
"""Pixels around an object that count as a hit in the second column of the pointing game."""


@dataclass
class MapScores:
    """Of one kind of map, an entry for each pair of a photo and a category in it; rank correlations of some."""

    pointing: list[bool] = field(default_factory=list)
    pointing_within: list[bool] = field(default_factory=list)
    localization: list[bool] = field(default_factory=list)
    energy: list[float] = field(default_factory=list)
    occlusion: list[float] = field(default_factory=list)

    def add(self, values: NDArray[np.floating], boxes: NDArray[np.float64]) -> None:
        """A pair's map, of the photo's own size, and its n×4 boxes."""
        self.pointing.append(points_inside(values, boxes))
        self.pointing_within.append(points_inside(values, boxes, TOLERANCE))
        self.localization.append(localizes(values, boxes))
        self.energy.append(energy_inside(values, boxes))

    def figures(self) -> dict[str, float]:
        """The mean of each."""
        return {name: mean(values) for name, values in vars(self).items()}


@dataclass
class Erasure:
    """Raw counts of a category each in a photo, without its objects, and without everything else."""

    whole: list[float] = field(default_factory=list)
    without_objects: list[float] = field(default_factory=list)
    without_background: list[float] = field(default_factory=list)

    def add(self, whole: float, without_objects: float, without_background: float) -> None:
        self.whole.append(whole)
        self.without_objects.append(without_objects)
        self.without_background.append(without_background)

    def figures(self) -> dict[str, float]:
        """How the counts follow their objects.

        ``left_without_objects`` and ``left_without_background`` are shares of the summed raw counts: 0 and 1 are
        right. Of the pairs that were counted (1 or more, rounded), ``falls_to_zero`` lose their count with their
        objects, and ``stays_the_same`` keep it without the rest.
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
    """Scores by kind of map, and of erasing.

    ``photos`` were explained; of these, as many as ``erased`` and ``occluded`` say were.
    """

    photos: int
    erased: int
    occluded: int
    maps: Mapping[str, MapScores]
    erasure: Erasure

    @property
    def pairs(self) -> int:
        """Of a photo and a category in it."""
        return len(next(iter(self.maps.values())).pointing)

    def to_json(self) -> dict[str, object]:
        """Figures that are not there, for want of photos, are null."""
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
    """NaN of none."""
    return float(np.mean(values)) if len(values) else float("nan")


def _without_nan(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: None if np.isnan(figure) else figure for name, figure in figures.items()}
