"""Glance: counts from features of the whole photo (CEOS)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from counting.inputs.grid import Grid
from counting.networks.cells import Cells
from counting.networks.counters.base import Counter, Dropout, Hidden, mlp, register_counter


class GlanceHead(nn.Module):
    """The mean and the maximum over all feature cells → one cell of counts."""

    def __init__(self, width: int, hidden: Sequence[int], categories: int, dropout: float) -> None:
        super().__init__()
        self.layers = mlp(2 * width, hidden, categories, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """B×cells×width → B×1×K."""
        whole = torch.cat([features.mean(dim=1), features.amax(dim=1)], dim=1)
        counts: Tensor = self.layers(whole).unsqueeze(1)
        return counts


@register_counter("glance")
def glance(cells: Cells, categories: tuple[str, ...], hidden: Hidden, dropout: Dropout = 0.1) -> Counter:
    """An MLP on whole-photo features: published with two hidden layers of 250."""
    head = GlanceHead(cells.width, hidden, len(categories), dropout)
    return Counter(cells, head, categories, grid=Grid(1))
