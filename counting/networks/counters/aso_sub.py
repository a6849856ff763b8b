"""Associative subitizing: every cell counted on its own (CEOS)."""

from counting.networks.cells import Cells
from counting.networks.counters.base import Counter, Dropout, Hidden, mlp, register_counter


@register_counter("aso_sub")
def aso_sub(cells: Cells, categories: tuple[str, ...], hidden: Hidden, dropout: Dropout = 0.1) -> Counter:
    """One MLP shared by all cells: published with one hidden layer of 500."""
    return Counter(cells, mlp(cells.width, hidden, len(categories), dropout), categories)
