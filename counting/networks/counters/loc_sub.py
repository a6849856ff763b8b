"""Locating subitizing: every cell counted from the centres located in it and in the context of all cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from counting.inputs.views import View
from counting.networks.cells import Cells
from counting.networks.counters.att_sub import AttentiveHead
from counting.networks.counters.base import AuxiliaryLoss, Counter, Dropout, Outputs, register_counter
from counting.networks.locating import GROUPS, CentreMaps, LocatedCells, centre_loss
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene

Depth = Annotated[int, Field(gt=0, multiple_of=GROUPS)]


class LocatingHead(nn.Module):
    """The sum of a cell's soft counts, weighted by category, and of the counts of an attentive head."""

    def __init__(self, attend: AttentiveHead, categories: int) -> None:
        super().__init__()
        self.attend = attend
        self.gains = nn.Parameter(torch.full((2, categories), 0.5))

    def forward(self, features: Tensor) -> Tensor:
        """B×cells×width, the last 2K the soft counts → B×cells×K."""
        sums, squares = features[..., -self.gains.numel() :].chunk(2, dim=-1)
        counts: Tensor = self.attend(features) + self.gains[0] * sums + self.gains[1] * squares
        return counts


@dataclass(frozen=True)
class CentreLoss:
    """``centre_loss`` of the map of centres as an auxiliary loss."""

    weight: float
    maps: CentreMaps
    name: ClassVar[str] = "centres"

    def target(self, scene: Scene, view: View) -> Tensor:
        """K×places×places, 1 at a centre."""
        return torch.from_numpy(self.maps(scene, view))

    def __call__(self, counter: Counter, outputs: Outputs, targets: Tensor) -> Tensor:
        return centre_loss(outputs.maps["centres"], targets)


class LocatingCounter(Counter):
    """A counter on ``LocatedCells``, with the loss that trains them to locate centres."""

    cells: LocatedCells

    def auxiliary_losses(
        self, weights: Mapping[str, float], protocol: Protocol, side: int
    ) -> tuple[AuxiliaryLoss, ...]:
        """The centre loss, unless its weight is 0."""
        weight = weights[CentreLoss.name]
        return (CentreLoss(weight, CentreMaps(protocol, self.cells.places(side))),) if weight else ()


@register_counter("loc_sub")
def loc_sub(
    cells: Cells,
    categories: tuple[str, ...],
    depth: Depth = 128,
    hidden: PositiveInt = 256,
    layers: PositiveInt = 2,
    heads: PositiveInt = 4,
    dropout: Dropout = 0.2,
) -> Counter:
    """Ours: the backbone is trained to locate every object's centre while the cells are trained to count.

    Raises:
        CountingError: ``heads`` does not divide ``hidden``.
    """
    located = LocatedCells(cells, len(categories), depth)
    attend = AttentiveHead(located, hidden, layers, heads, len(categories), dropout)
    return LocatingCounter(located, LocatingHead(attend, len(categories)), categories)
