"""Batches to learn from: cell features or photos, each with its fractional counts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from counting.inputs.grid import Grid
from counting.inputs.views import View
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene

T = TypeVar("T")

Reader = Callable[[Scene, int], tuple[Tensor, View]]
"""A scene and a view's number → the network's input and the objects in the view."""

Hint = Callable[[Scene, int, View], NDArray[np.floating]]
"""A scene, a view's number and the objects in the view → what else training is told of it."""


class ViewDataset(Dataset[tuple[Tensor, ...]]):
    """Scenes as (input, cells×K fractional counts), each epoch in one of their first ``views`` views.

    ``read`` is ``FeatureCache.read``, or opens photos; what ``hint`` tells, importance to people or where centres
    are, comes third. Which view an epoch shows depends on ``seed``, the scene and ``epoch`` alone.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        read: Reader,
        grid: Grid,
        protocol: Protocol,
        views: int = 1,
        seed: int = 0,
        hint: Hint | None = None,
    ) -> None:
        self.scenes = scenes
        self.read = read
        self.grid = grid
        self.protocol = protocol
        self.views = views
        self.seed = seed
        self.hint = hint
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        scene = self.scenes[index]
        start = np.random.default_rng((self.seed, index)).integers(self.views)
        number = int(start + self.epoch) % self.views
        inputs, view = self.read(scene, number)
        target = torch.from_numpy(view.fractional_counts(scene, scene.counted(self.protocol), self.grid)).float()
        if self.hint is None:
            return inputs, target
        return inputs, target, torch.from_numpy(self.hint(scene, number, view)).float()


class EpochSampler(Sampler[int]):
    """Every index once, in an order that depends on ``seed`` and ``epoch`` alone."""

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.size)
        return iter(order.tolist())


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of ``size``, the last of what is left."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
