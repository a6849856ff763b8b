"""The grid of cells that divides a photo, and fractional counts: the share of each object in each cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """``side`` × ``side`` equal cells that tile a photo, numbered row by row."""

    side: int

    @property
    def cells(self) -> int:
        return self.side**2

    def fractional_counts(
        self,
        boxes: NDArray[np.float64],
        labels: NDArray[np.int64],
        size: tuple[int, int],
        categories: int,
        weights: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """``target[cell, k] = Σ_boxes of k  area(box ∩ cell) / area(box)``; the cells sum to the photo's count.

        ``boxes`` is n×4 (x0, y0, x1, y1) in pixels of a photo of ``size`` (width, height). Boxes are clipped to
        the photo; one without area counts in the cell of its centre. Each box counts as 1, or as its weight in
        ``weights`` (n). Returns cells × categories. (CEOS.)
        """
        scale = np.array([size[0], size[1], size[0], size[1]], dtype=np.float64) / self.side
        x0, y0, x1, y1 = np.clip(boxes / scale, 0.0, self.side).T
        columns = self._shares(x0, x1)
        rows = self._shares(y0, y1)
        shares = (rows[:, :, None] * columns[:, None, :]).reshape(len(boxes), self.cells)
        if weights is not None:
            shares = shares * weights[:, None]
        return self._sum_by_label(shares, labels, categories)

    def fractional_counts_from_masks(
        self, masks: Sequence[NDArray[np.bool_]], labels: NDArray[np.int64], categories: int
    ) -> NDArray[np.float64]:
        """``fractional_counts`` from masks (height × width): the share of each object's pixels in each cell.

        A pixel belongs to the cell of its centre; an empty mask counts in the middle cell.
        """
        shares = np.zeros((len(masks), self.cells))
        for share, mask in zip(shares, masks, strict=True):
            rows, columns = np.nonzero(mask)
            if len(rows) == 0:
                share[self.side // 2 * (self.side + 1)] = 1.0
                continue
            cell_rows = (2 * rows + 1) * self.side // (2 * mask.shape[0])
            cell_columns = (2 * columns + 1) * self.side // (2 * mask.shape[1])
            inside = np.bincount(cell_rows * self.side + cell_columns, minlength=self.cells)
            share[:] = inside / len(rows)
        return self._sum_by_label(shares, labels, categories)

    def _shares(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        """n×side: the share of each interval, given in cells, that is in each row or column of cells."""
        edges = np.arange(self.side)
        overlap = np.minimum(high[:, None], edges + 1) - np.maximum(low[:, None], edges)
        length = (high - low)[:, None]
        centre_cell = np.minimum(((low + high) / 2).astype(int), self.side - 1)
        at_centre = (edges == centre_cell[:, None]).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.clip(overlap, 0.0, None) / length
        return np.asarray(np.where(length > 0, shares, at_centre), dtype=np.float64)

    @staticmethod
    def _sum_by_label(
        shares: NDArray[np.float64], labels: NDArray[np.int64], categories: int
    ) -> NDArray[np.float64]:
        one_hot = np.eye(categories)[labels]
        return np.asarray(shares.T @ one_hot, dtype=np.float64)
