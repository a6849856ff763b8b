"""The data of a training run: its splits, and the views that training and validation read from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from counting.inputs.batches import Reader, ViewDataset
from counting.inputs.preprocessing import Normalization, to_square
from counting.inputs.views import View, view_of
from counting.networks.config import Config
from counting.networks.config_sections import DataConfig, TeacherConfig
from counting.networks.counters.base import AuxiliaryLoss, Counter
from counting.networks.feature_cache import FeatureCache
from counting.tables.count_table import CountTable
from counting.tables.join import check_missing
from counting.training.mixture import load_source, load_sources, sampling_rates, together
from counting.training.teacher import with_teacher
from counting.utils.progress import report_skipped
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet


@dataclass(frozen=True)
class TrainingData:
    """The splits of a run, and the protocol that says which objects count.

    Attributes:
        train, val: the splits; ``val`` is None if all photos are trained on.
        protocol: which objects count.
        weights: scene id → how often to show the scene, relative to 1 for scenes that are not listed.
    """

    train: SceneSet
    val: SceneSet | None
    protocol: Protocol
    weights: Mapping[str, float] = field(default_factory=dict)

    def certain_counts(self) -> NDArray[np.float64]:
        """N×K true counts of the training photos; NaN where a count is unknown or includes a crowd."""
        counts = self.train.counts(self.protocol).astype(np.float64)
        for row, scene in zip(counts, self.train, strict=True):
            row[~scene.certain_counts()] = np.nan
        return counts


def load_data(config: Config) -> TrainingData:
    """The training and validation splits under the configured protocol; with ``final``, both are trained on.

    Raises:
        CountingError: a split cannot be read, or the two have different categories or the same photos.
    """
    data = config.data
    if data.sources:
        train, val, weights = _of_sources(data, config.teacher)
    else:
        train, val, weights = load_split(data, data.train), load_split(data, data.val), {}
    if train.categories != val.categories:
        raise CountingError(
            f"{train.split} and {val.split} of {train.data} have different categories, set data.categories"
        )
    if train.split != val.split and _same_photos(train, val):
        raise CountingError(
            f"{train.split} and {val.split} of {train.data} are the same photos; "
            "divide them: train: train:80/20 and val: val:80/20"
        )
    protocol = Protocol.parse(data.protocol, train.family)
    if config.final:
        return TrainingData(train.joined(val), None, protocol, weights)
    return TrainingData(train, val, protocol, weights)


def _of_sources(
    config: DataConfig, teacher: TeacherConfig | None = None
) -> tuple[SceneSet, SceneSet, dict[str, float]]:
    """The training and validation scenes of all sources, and the weight of each scene by its id."""
    parts = load_sources(config)
    weights = {scene.id: part.source.weight for part in parts for scene in part.scenes}
    val = together([part.scenes for part in parts if part.split == "val"])
    trained = [(part.scenes, part.boxes) for part in parts if part.split == "train"]
    taught = with_teacher(trained, distill=teacher.distill) if teacher else [scenes for scenes, _ in trained]
    train = together(taught)
    protocol = Protocol.parse(config.protocol, train.family)
    return train.under(protocol), val.under(protocol), weights


def without_difficult(scenes: SceneSet, protocol: Protocol) -> CountTable | None:
    """The true counts under ``protocol`` without difficult objects; None if no object is difficult.

    Photos of folders without any difficult object are left out: their data set does not mark objects as difficult.
    """
    marked = {scene.path.parent for scene in scenes if scene.difficult.any()}
    if not marked:
        return None
    kept = tuple(scene for scene in scenes if scene.path.parent in marked)
    return CountTable.from_scenes(replace(scenes, scenes=kept), replace(protocol, non_difficult=True))


def _same_photos(first: SceneSet, second: SceneSet) -> bool:
    return {scene.path for scene in first} == {scene.path for scene in second}


def load_split(config: DataConfig, split: str) -> SceneSet:
    """The scenes of one split under the configured protocol; with sources, "train" or "val" of all of them."""
    if config.sources:
        train, val, _ = _of_sources(config)
        return train if split == "train" else val
    scenes = load_source(config, split, config.categories)
    return scenes.under(Protocol.parse(config.protocol, scenes.family))


def datasets(
    config: Config, data: TrainingData, counter: Counter, losses: Sequence[AuxiliaryLoss]
) -> tuple[ViewDataset, ViewDataset | None]:
    """The views to train on, with the targets of ``losses``, and the photos to validate on.

    Features of a frozen backbone that are not in the cache are computed now, on the counter's device.

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
        options = config.optimization
        read = PhotoReader(normalization, options.side or side, options.zoom_out, options.blur)
        read_val = PhotoReader(normalization, side)
        find_unreadable = missing_photos
    targets = {loss.name: loss.target for loss in losses}
    scenes = without(data.train, find_unreadable(data.train, views))
    rates = None
    if data.weights or config.data.rare:
        weights = np.array([data.weights.get(scene.id, 1.0) for scene in scenes])
        rates = sampling_rates(scenes, weights, config.data.rare)
    train = ViewDataset(scenes, read, counter.grid, data.protocol, views, config.seed, targets, rates=rates)
    if data.val is None:
        return train, None
    validated = without(data.val, find_unreadable(data.val, 1))
    known = partial(Scene.known_counts, protocol=data.protocol)
    return train, ViewDataset(validated, read_val, counter.grid, data.protocol, known=known)


@dataclass(frozen=True)
class PhotoReader:
    """Reads views as normalized 3×side×side photos, for a backbone that is not frozen."""

    normalization: Normalization
    side: int
    zoom_out: bool = False
    blur: bool = False

    def __call__(self, scene: Scene, number: int) -> tuple[Tensor, View]:
        photo, view = view_of(scene, number, self.side, zoom_out=self.zoom_out, blur=self.blur)
        return self.normalization(to_square(photo, self.side, self.normalization.interpolation)), view


def missing_photos(scenes: Sequence[Scene], views: int) -> dict[str, str]:
    """The scenes whose photo file does not exist, for any number of ``views``: id → reason."""
    return {scene.id: f"{scene.path}: no such photo" for scene in scenes if not scene.path.is_file()}


def without(scenes: SceneSet, unreadable: dict[str, str]) -> list[Scene]:
    """The scenes whose photos can be read; the others are reported as skipped.

    Raises:
        CountingError: more than a tenth of the photos cannot be read.
    """
    reasons = [unreadable[scene.id] for scene in scenes if scene.id in unreadable]
    report_skipped(reasons)
    check_missing(reasons, len(scenes), f"photos of {scenes.data} {scenes.split}")
    return [scene for scene in scenes if scene.id not in unreadable]
