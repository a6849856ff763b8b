"""A committee: several heads on the same cells, each begun differently, whose mean is the answer."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from counting.networks.counters.base import AuxiliaryLoss, Counter
from counting.networks.losses import CountLoss
from counting_datasets.protocol import Protocol


class Heads(nn.ModuleList):
    """The members' heads side by side."""

    def forward(self, features: Tensor) -> Tensor:
        """What each of M heads makes of the features, M×...."""
        return torch.stack([head(features) for head in self])


class Committee(Counter):
    """Members learn side by side, each from its own errors; they share one look at the photo."""

    def __init__(self, members: Sequence[Counter]) -> None:
        first = members[0]
        super().__init__(first.cells, Heads(member.head for member in members), first.categories, first.grid)
        self.takes_count_loss = first.takes_count_loss
        self._first = (first,)  # within a tuple it is no submodule: its cells and head are here already

    def raw_counts(self, output: Tensor) -> Tensor:
        """M×... outputs of the heads → B×cells×K: the mean of the members' raw counts."""
        (member,) = self._first
        return torch.stack([member.raw_counts(of_one) for of_one in output]).mean(dim=0)

    def loss(self, output: Tensor, target: Tensor, criterion: CountLoss) -> Tensor:
        """The mean of the members' losses."""
        (member,) = self._first
        return torch.stack([member.loss(of_one, target, criterion) for of_one in output]).mean()

    def auxiliary_losses(
        self, weights: Mapping[str, float], protocol: Protocol, side: int
    ) -> tuple[AuxiliaryLoss, ...]:
        """Those of one member: all members share its cells."""
        return self._first[0].auxiliary_losses(weights, protocol, side)
