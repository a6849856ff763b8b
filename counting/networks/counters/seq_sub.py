"""Sequential subitizing: cells counted in the context of their neighbours (CEOS)."""

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from counting.inputs.grid import Grid
from counting.networks.cells import Cells
from counting.networks.counters.base import Counter, Dropout, embedding, register_counter


def serpentine_by_rows(grid: Grid) -> list[int]:
    """Cell numbers along the rows, every other row backwards: each step goes to a neighbour."""
    side = grid.side
    rows = [list(range(row * side, (row + 1) * side)) for row in range(side)]
    return [cell for row, cells in enumerate(rows) for cell in (cells[::-1] if row % 2 else cells)]


def serpentine_by_columns(grid: Grid) -> list[int]:
    """Cell numbers along the columns, every other column backwards."""
    side = grid.side
    return [(cell % side) * side + cell // side for cell in serpentine_by_rows(grid)]


class SequentialHead(nn.Module):
    """Reads the cells as two serpentine sequences, each with its own stacked bi-LSTMs.

    The outputs are put back in cell order and joined, and a linear layer computes each cell's counts.
    """

    by_rows: Tensor
    by_columns: Tensor

    def __init__(
        self,
        grid: Grid,
        width: int,
        hidden: int,
        recurrent: int,
        categories: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embed = embedding(width, [hidden], dropout)
        self.along_rows, self.along_columns = (
            nn.LSTM(hidden, recurrent, num_layers=2, dropout=dropout, batch_first=True, bidirectional=True)
            for _ in range(2)
        )
        self.counts = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden + 4 * recurrent, categories))
        self.register_buffer("by_rows", torch.tensor(serpentine_by_rows(grid)), persistent=False)
        self.register_buffer("by_columns", torch.tensor(serpentine_by_columns(grid)), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """B×cells×width → B×cells×K."""
        embedded = self.embed(features)
        rows = _in_order(self.along_rows, embedded, self.by_rows)
        columns = _in_order(self.along_columns, embedded, self.by_columns)
        counts: Tensor = self.counts(torch.cat([embedded, rows, columns], dim=2))
        return counts


def _in_order(lstm: nn.LSTM, cells: Tensor, order: Tensor) -> Tensor:
    """Run ``lstm`` over B×cells×width in ``order``; B×cells×2·recurrent, back in cell order."""
    read, _ = lstm(cells[:, order])
    in_cell_order: Tensor = read[:, torch.argsort(order)]
    return in_cell_order


@register_counter("seq_sub")
def seq_sub(
    cells: Cells, categories: tuple[str, ...], hidden: PositiveInt, recurrent: PositiveInt, dropout: Dropout = 0.1
) -> Counter:
    """Published with 500 features per cell and bi-LSTMs of sizes 1000 and 2000, 40 M parameters in total.

    Unlike in the released code, the last layer sees each cell's own features as well as its context.
    """
    head = SequentialHead(cells.grid, cells.width, hidden, recurrent, len(categories), dropout)
    return Counter(cells, head, categories)
