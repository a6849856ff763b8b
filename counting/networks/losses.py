"""Count losses."""

from dataclasses import dataclass
from math import isqrt
from typing import Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import mse_loss, smooth_l1_loss

from counting_datasets.errors import CountingError

Kind = Literal["huber", "mse"]
Part = Literal["cells", "sum"] | int
"""Counts to compare: of the cells, of the whole photo, or of a coarser grid with this many cells per side."""


def coarser(counts: Tensor, part: Part) -> Tensor:
    """B×side²×K counts of cells → B×part²×K counts of the larger cells that they form."""
    if part == "cells":
        return counts
    if part == "sum":
        return counts.sum(dim=1, keepdim=True)
    batch, cells, categories = counts.shape
    side = isqrt(cells)
    if side % part:
        raise CountingError(f"loss.on: {side} × {side} cells cannot be merged into {part} × {part}")
    step = side // part
    return counts.reshape(batch, part, step, part, step, categories).sum(dim=(2, 4)).flatten(1, 2)


@dataclass(frozen=True)
class CountLoss:
    """Huber loss or mean squared error of counts: the sum of the losses of the parts in ``on``.

    The paper shows Huber, its released code has MSE (CEOS). The Huber loss is quadratic below ``beta`` and has
    slope 1 above. ``weights`` are K weights, one per category. The loss is a mean over the known counts; NaN
    targets are left out.
    """

    kind: Kind
    on: tuple[Part, ...]
    beta: float = 0.5
    weights: Tensor | None = None

    def __call__(self, raw: Tensor, target: Tensor) -> Tensor:
        """B×cells×K raw and fractional counts → a scalar.

        ``target`` is NaN in all cells of a category whose count in the photo is unknown.

        Raises:
            CountingError: a part's grid does not divide the cells'.
        """
        total: Tensor = sum(
            (self._error(coarser(raw, part), coarser(target, part)) for part in self.on), start=raw.new_zeros(())
        )
        return total

    def _error(self, raw: Tensor, target: Tensor) -> Tensor:
        known = ~target.isnan()
        target = target.nan_to_num()
        if self.kind == "mse":
            error = mse_loss(raw, target, reduction="none")
        else:
            error = smooth_l1_loss(raw, target, beta=self.beta, reduction="none")
        if self.weights is not None:
            error = error * self.weights.to(error.device)
        return (error * known).sum() / known.sum().clamp(min=1)


def balancing_weights(counts: ArrayLike) -> Tensor:
    """Scenes×K true counts → K weights of mean 1, one over the standard deviation of each category's counts.

    Common categories dominate the mean squared error, whereas mRMSE weights all categories equally. A category
    whose count never varies gets the weight of the one that varies least. NaN counts are unknown and left out.
    """
    columns = torch.as_tensor(counts, dtype=torch.float64).T
    known = [column[~column.isnan()] for column in columns]
    spread = torch.stack([column.std(correction=0) if len(column) else column.sum() for column in known]).float()
    if not spread.any():
        return torch.ones_like(spread)
    weights = 1 / spread.clamp(min=spread[spread > 0].min())
    return weights / weights.mean()
