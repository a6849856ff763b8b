"""Data sets by name."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES, match_categories
from counting_datasets.errors import DataError
from counting_datasets.scene import Scene, SceneSet

DATASETS = ("voc2007", "voc2012", "coco2014", "coco2017", "voc", "coco")
COUNT_HALF = 20_252
"""Images in each of COCO 2014's Count-val and Count-test: the first and the last of val2014 by file name."""

_VOC_FOLDER = {"voc2007": "VOCdevkit/VOC2007", "voc2012": "VOCdevkit/VOC2012"}


@dataclass(frozen=True)
class Place:
    """Where a user's own data lie, where that is not the usual place.

    Attributes:
        root: the folder that holds JPEGImages (VOC) or annotations (COCO).
        annotations, images: a COCO file and the folder of its photos, in place of ``root``.
        categories: the categories to count, of data in VOC's layout.
    """

    root: Path | None = None
    annotations: Path | None = None
    images: Path | None = None
    categories: tuple[str, ...] | None = None


def load(data: str, split: str, place: Place = Place()) -> SceneSet:
    """The scenes of a split of ``data``, one of ``DATASETS``; ``voc`` and ``coco`` are the user's own.

    Raises:
        DataError: an unknown data set or split, or files that are missing or malformed.
    """
    if data not in DATASETS:
        raise DataError(f"unknown data set {data!r}: use {', '.join(DATASETS)}")
    if family_of(data) == "voc":
        from counting_datasets.voc import load_voc

        categories = place.categories or (None if data == "voc" else VOC_CATEGORIES)
        return load_voc(_root(data, place), split, categories=categories, data=data)
    return _load_coco(data, split, place)


def family_of(data: str) -> str:
    """``voc`` or ``coco``: the format of a data set."""
    return "voc" if data.startswith("voc") else "coco"


def categories_of(data: str) -> tuple[str, ...]:
    """The categories of a published data set, without opening it."""
    return VOC_CATEGORIES if family_of(data) == "voc" else COCO_CATEGORIES


def in_categories(scenes: SceneSet, categories: Sequence[str]) -> SceneSet:
    """The same photos in another list of categories, by name; objects of any other category are left out."""
    match = match_categories(scenes.categories, categories)
    relabelled = tuple(_relabelled(scene, match, tuple(categories)) for scene in scenes)
    return SceneSet(scenes.data, scenes.split, scenes.family, tuple(categories), relabelled)


def _relabelled(scene: Scene, match: dict[int, int], categories: tuple[str, ...]) -> Scene:
    kept = np.array([label in match for label in scene.labels], dtype=bool)
    labels = np.array([match[label] for label in scene.labels[kept]], dtype=np.int64)
    return replace(
        scene,
        boxes=scene.boxes[kept],
        labels=labels,
        difficult=scene.difficult[kept],
        crowd=scene.crowd[kept],
        categories=categories,
        masks=None,
    )


def _root(data: str, place: Place) -> Path:
    """The folder that the user named, or the usual one under ``$COUNTING_DATA``."""
    if place.root:
        root = place.root
    elif data in ("voc", "coco"):
        raise DataError(f"--data {data} is your own data: say where it lies with --root")
    else:
        home = os.environ.get("COUNTING_DATA")
        if not home:
            raise DataError(f"where is {data}? Set COUNTING_DATA or --root; `counting download` fetches data sets")
        root = Path(home) / _VOC_FOLDER.get(data, "coco")
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; `counting download` fetches data sets")
    return root


def _load_coco(data: str, split: str, place: Place) -> SceneSet:
    from counting_datasets.coco import load_coco

    if data == "coco2014":
        return _count_split(split, _root(data, place))
    if place.annotations:
        return load_coco(place.annotations, place.images or place.annotations.parent, split=split, data=data)
    root = _root(data, place)
    name = f"{split}2017" if data == "coco2017" else split
    images = place.images or _photo_folder(root, name)
    return load_coco(root / "annotations" / f"instances_{name}.json", images, split=split, data=data)


def _count_split(split: str, root: Path) -> SceneSet:
    """COCO 2014's Count-train (train2014), Count-val and Count-test (the ends of val2014). (CEOS, data sets.)"""
    from counting_datasets.coco import load_coco

    if split not in ("train", "val", "test"):
        raise DataError(f"coco2014 has no split {split!r}: use train, val (Count-val) or test (Count-test)")
    name = "train2014" if split == "train" else "val2014"
    file = root / "annotations" / f"instances_{name}.json"
    scenes = load_coco(file, _photo_folder(root, name), split=split, data="coco2014")
    if split == "train":
        return scenes
    if len(scenes) < 2 * COUNT_HALF:
        raise DataError(
            f"{file}: {len(scenes)} images, too few for Count-val and Count-test: is it all of val2014?"
        )
    return scenes[:COUNT_HALF] if split == "val" else scenes[-COUNT_HALF:]


def _photo_folder(root: Path, name: str) -> Path:
    """The first that exists of R/images/NAME, R/NAME, both without what follows _, and R/images."""
    plain = name.partition("_")[0]
    candidates = [root / "images" / name, root / name, root / "images" / plain, root / plain, root / "images"]
    return next((folder for folder in candidates if folder.is_dir()), candidates[0])
