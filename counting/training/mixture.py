"""Mixtures of data sets: their photos with common categories, and how often to show each photo."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counting.detection.detections import Detections
from counting.detection.photo_boxes import boxes_on
from counting.networks.config_sections import DataConfig, SourceConfig
from counting_datasets.catalog import Place, in_categories, load
from counting_datasets.categories import match_categories
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet


def load_source(
    source: DataConfig | SourceConfig, split: str, categories: tuple[str, ...] | None = None
) -> SceneSet:
    """A split of one data set, with its own categories or with the given ones."""
    file = Path(split) if split.endswith(".json") else source.annotations
    root, annotations, images = (path and _expanded(path) for path in (source.root, file, source.images))
    return load(source.name, split, Place(root, annotations, images, categories, source.unannotated_are_empty))


def _expanded(path: Path) -> Path:
    return Path(os.path.expandvars(path))


@dataclass(frozen=True, eq=False)
class Part:
    """A split of one source, with the common categories.

    Attributes:
        source: the source.
        split: "train" or "val".
        scenes: its scenes.
        boxes: a teacher's boxes on its photos, in their order; None unless the source names boxes and the split is
            "train".
    """

    source: SourceConfig
    split: str
    scenes: SceneSet
    boxes: Detections | None = None


def load_sources(config: DataConfig) -> list[Part]:
    """The training and the validation splits of all sources.

    Categories that a source lacks are unknown in its photos. Photos whose ids occur in several splits are renamed
    to ``source/id``.
    """
    loaded = [
        (source, split, load_source(source, name))
        for source in config.sources
        for split in ("train", "val")
        if (name := getattr(source, split))
    ]
    categories = config.categories or common_categories([scenes.categories for _, _, scenes in loaded])
    times = Counter(scene.id for _, _, scenes in loaded for scene in scenes)
    return [_part(source, split, scenes, categories, times) for source, split, scenes in loaded]


def _part(
    source: SourceConfig, split: str, scenes: SceneSet, categories: tuple[str, ...], times: Mapping[str, int]
) -> Part:
    known = in_categories(scenes, categories, partly=True)
    named = tuple(
        scene.replaced(id=f"{source.name}/{scene.id}") if times[scene.id] > 1 else scene for scene in known
    )
    boxes = boxes_on(_expanded(source.boxes), scenes, categories) if source.boxes and split == "train" else None
    return Part(source, split, replace(known, scenes=named), boxes)


def common_categories(lists: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The categories of all lists, each in the position and with the name of its first occurrence."""
    common: list[str] = []
    for categories in lists:
        known = match_categories(categories, common)
        common += [name for index, name in enumerate(categories) if index not in known]
    return tuple(common)


def together(parts: Sequence[SceneSet]) -> SceneSet:
    """The scenes of all parts in order; names of data sets and splits are joined with ``+``."""
    return SceneSet(
        data="+".join(dict.fromkeys(part.data for part in parts)),
        split="+".join(part.split for part in parts),
        family="coco" if any(part.family == "coco" for part in parts) else "voc",
        categories=parts[0].categories,
        scenes=tuple(scene for part in parts for scene in part),
    )


def sampling_rates(scenes: Sequence[Scene], weights: NDArray[np.float64], rare: float) -> NDArray[np.float64]:
    """The mean number of times to show each of N scenes per epoch; the rates have a mean of 1.

    A scene's rate is proportional to its weight times the largest factor of its categories, max(1, sqrt(``rare`` /
    share)). A category's share is that of the photos with it among the photos in which it is annotated, by weight.
    (Repeat factor sampling: Gupta, Dollár and Girshick, LVIS, CVPR 2019, appendix B.)
    """
    occurs = np.stack([scene.counts(Protocol()) > 0 for scene in scenes])
    known = np.stack([scene.certain_counts() for scene in scenes])
    share = weights @ occurs / np.maximum(weights @ (known | occurs), np.finfo(float).tiny)
    factor = np.ones_like(share)
    factor[share > 0] = np.maximum(1, np.sqrt(rare / share[share > 0]))
    rates = weights * np.maximum(1, (occurs * factor).max(axis=1))
    return np.asarray(rates / rates.mean())
