"""Attentive subitizing: every cell counted in the context of all others at once."""

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from counting.networks.cells import Cells
from counting.networks.counters.base import Counter, Dropout, embedding, register_counter
from counting_datasets.errors import CountingError


class AttentiveHead(nn.Module):
    """A transformer encoder over the cells, then a linear layer on each cell's own features and its context.

    Raises:
        CountingError: ``heads`` does not divide ``hidden``.
    """

    def __init__(
        self, cells: Cells, hidden: int, layers: int, heads: int, categories: int, dropout: float
    ) -> None:
        if hidden % heads:
            raise CountingError(f"head.heads: {heads} does not divide head.hidden {hidden}, choose a divisor")
        super().__init__()
        self.embed = embedding(cells.width, [hidden], dropout)
        self.position = nn.Parameter(torch.randn(1, cells.grid.cells, hidden) * 0.02)
        layer = nn.TransformerEncoderLayer(hidden, heads, 2 * hidden, dropout, batch_first=True, norm_first=True)
        self.attend = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.counts = nn.Sequential(
            nn.LayerNorm(2 * hidden), nn.Dropout(dropout), nn.Linear(2 * hidden, categories)
        )

    def forward(self, features: Tensor) -> Tensor:
        """B×cells×width → B×cells×K."""
        embedded = self.embed(features)
        context = self.attend(embedded + self.position)
        counts: Tensor = self.counts(torch.cat([embedded, context], dim=2))
        return counts


@register_counter("att_sub")
def att_sub(
    cells: Cells,
    categories: tuple[str, ...],
    hidden: PositiveInt = 256,
    layers: PositiveInt = 2,
    heads: PositiveInt = 4,
    dropout: Dropout = 0.2,
) -> Counter:
    """Ours: attention instead of seq-sub's recurrence, so that every cell reaches every other in one step.

    Raises:
        CountingError: ``heads`` does not divide ``hidden``.
    """
    return Counter(cells, AttentiveHead(cells, hidden, layers, heads, len(categories), dropout), categories)
