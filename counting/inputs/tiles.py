"""Overlapping tiles: the division of a large photo into parts that each fill a network's input."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counting.inputs.preprocessing import resize

OVERLAP = 1 / 3
"""Share of a tile's side that it has in common with the next."""

MARGIN = 1
"""Outermost places of a tile that count for its neighbour: objects there are cut."""


@dataclass(frozen=True)
class Tiles:
    """``columns`` × ``rows`` tiles of a photo, which lie on whole places of the network's map.

    Attributes:
        side: height and width of a tile in pixels, those of the network's input.
        places: the number of rows, and columns, of the network's map of a tile.
    """

    columns: int
    rows: int
    side: int
    places: int

    @classmethod
    def along(cls, number: int, size: tuple[int, int], side: int, places: int) -> "Tiles":
        """``number`` tiles along the longer side of a photo of ``size``, and as many as needed along the other."""
        columns, rows = (max(1, math.ceil(number * length / max(size))) for length in size)
        return cls(columns, rows, side, places)

    @property
    def overlap(self) -> int:
        """Common places of neighbouring tiles."""
        return max(2 * MARGIN + 1, round(self.places * OVERLAP))

    @property
    def step(self) -> int:
        """Places from one tile to the next."""
        return self.places - self.overlap

    @property
    def shape(self) -> tuple[int, int]:
        """(columns, rows) of places of the whole photo."""
        return self.places + (self.columns - 1) * self.step, self.places + (self.rows - 1) * self.step

    def cut(self, photo: Image.Image, resampling: Image.Resampling) -> list[Image.Image]:
        """The tiles row by row, each ``side`` × ``side`` pixels; the photo is stretched to fit them."""
        scale = self.side / self.places
        width, height = (round(length * scale) for length in self.shape)
        stretched = resize(photo, (width, height), resampling)
        corners = [
            (round(column * self.step * scale), round(row * self.step * scale))
            for row in range(self.rows)
            for column in range(self.columns)
        ]
        return [stretched.crop((x, y, x + self.side, y + self.side)) for x, y in corners]

    def origins(self) -> NDArray[np.int64]:
        """Tiles×2: the first column and row of each tile, in places of the whole photo."""
        rows, columns = np.divmod(np.arange(self.rows * self.columns), self.columns)
        return np.stack([columns, rows], axis=1) * self.step

    def depth(self, points: NDArray[np.float64], origin: NDArray[np.int64]) -> NDArray[np.float64]:
        """The share that a tile has in what is at n×2 ``points``, in places of the tile.

        It falls from 1 to 0 across the overlap with a neighbour, so the shares of all tiles at a place sum to 1.
        """
        width = self.overlap - 2 * MARGIN
        last = self.step * (np.array([self.columns, self.rows]) - 1)
        before = np.where(origin > 0, (points - MARGIN) / width, 1)
        after = np.where(origin < last, (self.places - MARGIN - points) / width, 1)
        return np.asarray(np.minimum(before, after).clip(0, 1).prod(axis=1))


def fitting_tiles(size: tuple[int, int], side: int) -> int:
    """How many inputs of a network, ``side`` pixels each, fit along the longer side of a photo, rounded."""
    return max(1, round(max(size) / side))
