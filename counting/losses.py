"""Losses on counts."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn.functional import mse_loss, smooth_l1_loss

Kind = Literal["huber", "mse"]
Part = Literal["cells", "sum"]


@dataclass(frozen=True)
class CountLoss:
    """Huber or mean squared error on the counts of the cells, on their sum, or on both (added).

    The paper's figure shows Huber, its release has MSE (CEOS). Huber here is quadratic below
    ``beta`` and has slope 1 above.
    """

    kind: Kind = "huber"
    on: tuple[Part, ...] = ("cells", "sum")
    beta: float = 0.5

    def __call__(self, raw: Tensor, target: Tensor) -> Tensor:
        """B×cells×K raw and fractional counts → a scalar."""
        parts = []
        if "cells" in self.on:
            parts.append(self._error(raw, target))
        if "sum" in self.on:
            parts.append(self._error(raw.sum(dim=1), target.sum(dim=1)))
        total: Tensor = sum(parts[1:], start=parts[0])
        return total

    def _error(self, raw: Tensor, target: Tensor) -> Tensor:
        if self.kind == "mse":
            return mse_loss(raw, target)
        return smooth_l1_loss(raw, target, beta=self.beta)
