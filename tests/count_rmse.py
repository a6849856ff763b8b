"""The counting paper's metrics as a `torchmetrics.Metric`, for training loops that collect such metrics."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from counting.stats.metrics import (
    FIGURES,
    TERMS,
    mean_over_categories,
    metric_terms,
    metrics_by_category,
    scored_pair,
)


class CountRMSE(Metric):
    """mRMSE and the other metrics of raw counts (B×K) against true ones, over batches and processes.

    The states are sums over images, so processes reduce them by adding; nothing else is kept.
    """

    full_state_update = False
    higher_is_better = False
    sums: Tensor

    def __init__(self, categories: int, rounded: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.rounded = rounded
        self.add_state("sums", torch.zeros(TERMS * categories, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, predicted: Tensor, true: Tensor) -> None:
        """Add a batch of B×K counts."""
        numbers = (counts.detach().cpu().double().numpy() for counts in (predicted, true))
        terms = metric_terms(*scored_pair(*numbers, self.rounded))
        self.sums += torch.from_numpy(terms.sum(axis=0)).to(self.sums)

    def compute(self) -> dict[str, Tensor]:
        """The means over categories, by name."""
        values = mean_over_categories(metrics_by_category(self.sums.cpu().numpy()))
        return dict(zip(FIGURES, map(partial(torch.tensor, dtype=torch.float64), values.tolist()), strict=True))
