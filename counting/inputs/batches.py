"""Batches for training: cell features or photos, with fractional counts and the targets of auxiliary losses."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

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

Target = Callable[[Scene, View], Tensor]
"""A scene and one of its views → the target of an auxiliary loss."""


class Batch(NamedTuple):
    """A view of a scene, or a batch of them with one more dimension in front.

    Attributes:
        inputs: cells×width features or a 3×side×side photo.
        counts: cells×K fractional counts; NaN in all cells of a category whose count is unknown.
        targets: the auxiliary losses' targets, by the loss's name.
    """

    inputs: Tensor
    counts: Tensor
    targets: dict[str, Tensor]


class ViewDataset(Dataset[Batch]):
    """Scenes, each shown once an epoch in one of its first ``views`` views.

    ``read`` gives the network's input: ``FeatureCache.read``, or a reader of photos. The view that an epoch shows
    depends only on ``seed``, the scene's place and ``epoch``. ``known`` flags the K categories of a scene whose
    counts are known; crowds are not, unless it says so.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        read: Reader,
        grid: Grid,
        protocol: Protocol,
        views: int = 1,
        seed: int = 0,
        targets: Mapping[str, Target] | None = None,
        known: Callable[[Scene], NDArray[np.bool_]] = Scene.certain_counts,
    ) -> None:
        self.scenes = scenes
        self.read = read
        self.grid = grid
        self.protocol = protocol
        self.views = views
        self.seed = seed
        self.targets = targets or {}
        self.known = known
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Batch:
        scene = self.scenes[index]
        start = np.random.default_rng((self.seed, index)).integers(self.views)
        inputs, view = self.read(scene, int(start + self.epoch) % self.views)
        counts = view.fractional_counts(scene, scene.counted(self.protocol), self.grid)
        counts[:, ~self.known(scene)] = np.nan
        targets = {name: target(scene, view) for name, target in self.targets.items()}
        return Batch(inputs, torch.from_numpy(counts).float(), targets)


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
    """Lists of ``size`` items; the last one may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
