"""A committee: several heads on the same cells, initialized differently, whose counts are averaged."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from counting.networks.counters.base import AuxiliaryLoss, Counter
from counting.networks.losses import CountLoss
from counting_datasets.protocol import Protocol


class Heads(nn.ModuleList):
    """The members' heads side by side."""

    def forward(self, features: Tensor) -> Tensor:
        """The M heads' outputs, M×...."""
        return torch.stack([head(features) for head in self])


class Committee(Counter):
    """Members that are trained side by side, each with its own loss, and share the features of the photo."""

    def __init__(self, members: Sequence[Counter]) -> None:
        first = members[0]
        super().__init__(first.cells, Heads(member.head for member in members), first.categories, first.grid)
        self.takes_count_loss = first.takes_count_loss
        self._first = (first,)  # in a tuple, it is not registered as a submodule; its cells and head already are

    def start_from_member(self, member: Counter) -> None:
        """Load the cells of a single counter, and its head into the first member.

        Raises:
            RuntimeError: the shapes of the weights differ.
        """
        self.cells.load_state_dict(member.cells.state_dict())
        first: nn.Module = self.head[0]  # type: ignore[index]  # the head is a list
        first.load_state_dict(member.head.state_dict())

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
        """The losses of one member, as all members share its cells."""
        return self._first[0].auxiliary_losses(weights, protocol, side)
