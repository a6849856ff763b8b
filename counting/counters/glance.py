"""Glance: count in one look at the whole photo (CEOS, section 4.1)."""

from collections.abc import Sequence

from torch import Tensor, nn

from counting.cells import Cells
from counting.counters.base import Counter, mlp, register_counter
from counting.grid import Grid


class GlanceHead(nn.Module):
    """All feature cells at once → one cell of counts."""

    def __init__(self, cells: int, width: int, hidden: Sequence[int], categories: int, dropout: float) -> None:
        super().__init__()
        self.layers = mlp(cells * width, hidden, categories, dropout)

    def forward(self, features: Tensor) -> Tensor:
        """B×cells×width → B×1×K."""
        counts: Tensor = self.layers(features.flatten(1)).unsqueeze(1)
        return counts


@register_counter("glance")
def glance(cells: Cells, categories: tuple[str, ...], hidden: list[int], dropout: float = 0.1) -> Counter:
    """An MLP on whole-photo features: published with two hidden layers of 250."""
    head = GlanceHead(cells.grid.cells, cells.width, hidden, len(categories), dropout)
    return Counter(cells, head, categories, grid=Grid(1))
