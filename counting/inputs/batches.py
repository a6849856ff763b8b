"""Batches for training: features or photos, with fractional counts and the targets of auxiliary losses."""

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
"""A scene and the number of a view → the network's input and the view's objects."""

Target = Callable[[Scene, View], Tensor]
"""A scene and one of its views → the target of an auxiliary loss."""


class Batch(NamedTuple):
    """One view of a scene, or a batch of views with an additional first dimension.

    Attributes:
        inputs: cells×width features or a 3×side×side photo.
        counts: cells×K fractional counts; NaN in all cells of a category whose count is unknown.
        targets: name of an auxiliary loss → its target.
    """

    inputs: Tensor
    counts: Tensor
    targets: dict[str, Tensor]


class ViewDataset(Dataset[Batch]):
    """Scenes, each shown once per epoch in one of its first ``views`` views.

    ``read`` is ``FeatureCache.read`` or a reader of photos. The view shown depends only on ``seed``, the scene's
    index, ``epoch`` and, if the scene is repeated within an epoch (see ``EpochSampler``), on the repetition.
    ``known`` flags the K categories of a scene whose counts are known; by default, those with a crowd are not.
    ``rates`` are the mean numbers of times that an epoch shows each scene.
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
        rates: NDArray[np.float64] | None = None,
    ) -> None:
        self.scenes = scenes
        self.read = read
        self.grid = grid
        self.protocol = protocol
        self.views = views
        self.seed = seed
        self.targets = targets or {}
        self.known = known
        self.rates = rates
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Batch:
        repeat, number = divmod(index, len(self.scenes))
        scene = self.scenes[number]
        start = np.random.default_rng((self.seed, number)).integers(self.views)
        inputs, view = self.read(scene, int(start + self.epoch + repeat) % self.views)
        counts = view.fractional_counts(scene, scene.counted(self.protocol), self.grid)
        counts[:, ~self.known(scene)] = np.nan
        targets = {name: target(scene, view) for name, target in self.targets.items()}
        return Batch(inputs, torch.from_numpy(counts).float(), targets)


class EpochSampler(Sampler[int]):
    """The ``size`` indices of an epoch, in an order that depends only on ``seed`` and ``epoch``.

    Every index occurs once; with ``rates``, as often as its rate, rounded up or down at random. Repetitions occur
    as index, index + size, index + 2·size, …, so that each can show another view.
    """

    def __init__(self, size: int, seed: int, rates: NDArray[np.float64] | None = None) -> None:
        """``rates`` has ``size`` values with a mean of 1."""
        self.size = size
        self.seed = seed
        self.rates = rates
        self.epoch = 0

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng((self.seed, self.epoch))
        if self.rates is None:
            return iter(random.permutation(self.size).tolist())
        ends = np.cumsum(self.rates) * (self.size / self.rates.sum())
        drawn = np.searchsorted(ends[:-1], np.arange(self.size) + random.random(), side="right")
        repeats = np.arange(self.size) - np.searchsorted(drawn, drawn)
        return iter(random.permutation(drawn + repeats * self.size).tolist())


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of ``size`` items; the last one may be shorter."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
