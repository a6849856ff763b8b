"""The data of a training run: its splits, and the views of them that training and validation read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from counting.inputs.batches import Reader, ViewDataset
from counting.inputs.preprocessing import Normalization, to_square
from counting.inputs.views import View, view_of
from counting.models.config import Config, DataConfig
from counting.models.counters.base import AuxiliaryLoss, Counter
from counting.models.feature_cache import FeatureCache
from counting.tables.join import check_missing
from counting.utils.progress import report_skipped
from counting_datasets.catalog import Place, load
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet


@dataclass(frozen=True)
class TrainingData:
    """The splits of a run, and which of their objects count; ``val`` is None if all photos are trained on."""

    train: SceneSet
    val: SceneSet | None
    protocol: Protocol

    def certain_counts(self) -> NDArray[np.float64]:
        """N×K true counts of the training photos, NaN where they are unknown or a crowd is among them."""
        counts = self.train.counts(self.protocol).astype(np.float64)
        for row, scene in zip(counts, self.train, strict=True):
            row[~scene.certain_counts()] = np.nan
        return counts


def load_data(config: Config) -> TrainingData:
    """The training and the validation split under the configured protocol; with ``final``, both to train on.

    Raises:
        CountingError: a split cannot be read, or the two list different categories.
    """
    train, val = (load_split(config.data, split) for split in (config.data.train, config.data.val))
    if train.categories != val.categories:
        raise CountingError(f"{train.split} and {val.split} of {train.data} list different categories")
    if config.data.train != config.data.val and _same_photos(train, val):
        raise CountingError(
            f"{train.split} and {val.split} of {train.data} are the same photos; "
            "divide them: train: train:80/20 and val: val:80/20"
        )
    protocol = Protocol.parse(config.data.protocol, train.family)
    return TrainingData(train.joined(val), None, protocol) if config.final else TrainingData(train, val, protocol)


def _same_photos(first: SceneSet, second: SceneSet) -> bool:
    return {scene.path for scene in first} == {scene.path for scene in second}


def load_split(config: DataConfig, split: str) -> SceneSet:
    """The scenes of one split under the configured protocol."""
    annotations = Path(split) if split.endswith(".json") else None
    place = Place(config.root, annotations, config.images, config.categories, config.unannotated_are_empty)
    scenes = load(config.name, split, place)
    return scenes.under(Protocol.parse(config.protocol, scenes.family))


def datasets(
    config: Config, data: TrainingData, counter: Counter, losses: Sequence[AuxiliaryLoss]
) -> tuple[ViewDataset, ViewDataset | None]:
    """The views to train on, with the targets of ``losses``, and the photos to validate on.

    Features of a frozen backbone that are not in the cache are computed here, on the counter's device.

    Raises:
        CountingError: more than a tenth of a split's photos cannot be read.
    """
    views, side = config.optimization.views, counter.cells.side
    read: Reader
    read_val: Reader
    find_unreadable: Callable[[SceneSet, int], dict[str, str]]
    if config.backbone.frozen:
        cache = FeatureCache(counter.cells)
        read = read_val = cache.read
        find_unreadable = cache.fill
    else:
        normalization = counter.cells.backbone.normalization
        read = PhotoReader(normalization, config.optimization.side or side, config.optimization.zoom_out)
        read_val = PhotoReader(normalization, side)
        find_unreadable = missing_photos
    targets = {loss.name: loss.target for loss in losses}
    scenes = without(data.train, find_unreadable(data.train, views))
    train = ViewDataset(scenes, read, counter.grid, data.protocol, views, config.seed, targets)
    if data.val is None:
        return train, None
    validated = without(data.val, find_unreadable(data.val, 1))
    known = partial(Scene.known_counts, protocol=data.protocol)
    return train, ViewDataset(validated, read_val, counter.grid, data.protocol, known=known)


@dataclass(frozen=True)
class PhotoReader:
    """Reads views as normalized 3×side×side photos, for a backbone that is trained too."""

    normalization: Normalization
    side: int
    zoom_out: bool = False

    def __call__(self, scene: Scene, number: int) -> tuple[Tensor, View]:
        photo, view = view_of(scene, number, self.side, zoom_out=self.zoom_out)
        return self.normalization(to_square(photo, self.side, self.normalization.interpolation)), view


def missing_photos(scenes: Sequence[Scene], views: int) -> dict[str, str]:
    """The scenes whose photo file does not exist, whatever the number of ``views``: id → reason."""
    return {scene.id: f"{scene.path}: no such photo" for scene in scenes if not scene.path.is_file()}


def without(scenes: SceneSet, unreadable: dict[str, str]) -> list[Scene]:
    """The scenes whose photos can be read; the others are reported.

    Raises:
        CountingError: more than a tenth of the photos cannot be read.
    """
    reasons = [unreadable[scene.id] for scene in scenes if scene.id in unreadable]
    report_skipped(reasons)
    check_missing(reasons, len(scenes), f"photos of {scenes.data} {scenes.split}")
    return [scene for scene in scenes if scene.id not in unreadable]
