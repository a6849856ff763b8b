"""gt-class: counts as classes, trained with cross-entropy (CEOS, baselines)."""

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from counting.inputs.grid import Grid
from counting.networks.cells import Cells
from counting.networks.counters.base import Counter, Dropout, Hidden, register_counter
from counting.networks.counters.glance import GlanceHead
from counting.networks.losses import CountLoss


class ClassCounter(Counter):
    """A counter with one class for each count up to ``largest``; its count is the most probable class."""

    takes_count_loss = False

    def __init__(self, cells: Cells, head: nn.Module, categories: tuple[str, ...], largest: int) -> None:
        super().__init__(cells, head, categories, grid=Grid(1))
        self.largest = largest

    def raw_counts(self, output: Tensor) -> Tensor:
        """B×1×K·(largest + 1) logits → B×1×K: the most probable count, with the gradient of the expected count."""
        probability = self._logits(output).softmax(dim=-1)
        mean = (probability * torch.arange(self.largest + 1, device=output.device)).sum(dim=-1)
        likeliest = probability.argmax(dim=-1).to(mean.dtype)
        return mean + (likeliest - mean).detach()

    def loss(self, output: Tensor, target: Tensor, criterion: CountLoss) -> Tensor:
        """Cross-entropy of the true count's class, where it is known; larger counts are in the last class."""
        counts = target.sum(dim=1)
        classes = counts.nan_to_num().round().long().clamp(max=self.largest)
        errors = cross_entropy(self._logits(output).flatten(0, 2), classes.flatten(), reduction="none")
        known = ~counts.isnan().flatten()
        return (errors * known).sum() / known.sum().clamp(min=1)

    def _logits(self, output: Tensor) -> Tensor:
        return output.reshape(*output.shape[:-1], len(self.categories), self.largest + 1)


@register_counter("gt_class")
def gt_class(
    cells: Cells, categories: tuple[str, ...], hidden: Hidden, largest: PositiveInt = 20, dropout: Dropout = 0.1
) -> Counter:
    """The glance network with one class for each count from 0 to ``largest``."""
    outputs = len(categories) * (largest + 1)
    head = GlanceHead(cells.width, hidden, outputs, dropout)
    return ClassCounter(cells, head, categories, largest)
