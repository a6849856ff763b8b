"""Data sets by name."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES, match_categories
from counting_datasets.coco import load_coco
from counting_datasets.errors import DataError
from counting_datasets.scene import SceneSet
from counting_datasets.voc import load_voc

DATASETS = ("voc2007", "voc2012", "coco2014", "coco2017", "voc", "coco")
COUNT_HALF = 20_252
"""Images in each of COCO 2014's Count-val and Count-test: the first and the last of val2014 by file name."""

_HOMES = {
    "voc2007": "VOCdevkit/VOC2007",
    "voc2012": "VOCdevkit/VOC2012",
    "coco2014": "coco",
    "coco2017": "coco",
}
_DOWNLOADABLE = ("voc2007", "coco2014")


@dataclass(frozen=True)
class Place:
    """Where data lie and what to count in them, where that is not the usual.

    Attributes:
        root: the folder that holds JPEGImages (VOC) or annotations (COCO).
        annotations: a file of the user's own in COCO's format, in place of ``root``.
        images: the folder of the photos that a COCO file names.
        categories: for ``voc``, every category in the data; for the others, the ones to count, by name.
        unannotated_are_empty: for ``voc``, whether a photo without an XML file is one without objects.
    """

    root: Path | None = None
    annotations: Path | None = None
    images: Path | None = None
    categories: tuple[str, ...] | None = None
    unannotated_are_empty: bool = False


def load(data: str, split: str, place: Place = Place()) -> SceneSet:
    """The scenes of a split of ``data``, one of ``DATASETS``; ``voc`` and ``coco`` are the user's own.

    Raises:
        DataError: an unknown data set or split, or files that are missing or malformed.
    """
    if data not in DATASETS:
        raise DataError(f"unknown data set {data!r}: use {', '.join(DATASETS)}")
    if place.annotations and data != "coco":
        raise DataError(f"an annotation file of your own is read with data set coco, not {data}")
    if place.images and family_of(data) == "voc":
        raise DataError(f"{data} keeps its photos in JPEGImages: name no folder of images")
    if data == "voc":
        return load_voc(
            _root(data, place),
            split,
            categories=place.categories,
            data=data,
            unannotated_are_empty=place.unannotated_are_empty,
        )
    if place.unannotated_are_empty:
        raise DataError(f"photos without annotation can be empty in data set voc alone, not in {data}")
    if family_of(data) == "voc":
        scenes = load_voc(_root(data, place), split, data=data)
    else:
        scenes = _load_coco(data, split, place)
    return in_categories(scenes, place.categories) if place.categories else scenes


def family_of(data: str) -> str:
    """``voc`` or ``coco``: the format of a data set."""
    return "voc" if data.startswith("voc") else "coco"


def categories_of(data: str) -> tuple[str, ...]:
    """The categories of a published data set, without opening it."""
    return VOC_CATEGORIES if family_of(data) == "voc" else COCO_CATEGORIES


def in_categories(scenes: SceneSet, categories: Sequence[str], *, partly: bool = False) -> SceneSet:
    """The same photos in another list of categories, by name (couch is sofa); other objects are left out.

    With ``partly``, categories that ``scenes`` does not have are unknown in all its photos.

    Raises:
        DataError: ``scenes`` lacks a category, so that nobody annotated it there; with ``partly``, it has none.
    """
    if tuple(categories) == scenes.categories:
        return scenes
    match = match_categories(scenes.categories, categories)
    absent = [name for index, name in enumerate(categories) if index not in match.values()]
    if absent and not (partly and match):
        raise DataError(
            f"{scenes.data} has no category {', '.join(absent)}: it has {', '.join(scenes.categories)}"
        )
    relabelled = tuple(scene.relabelled(match, tuple(categories)) for scene in scenes)
    return replace(scenes, categories=tuple(categories), scenes=relabelled)


def _root(data: str, place: Place) -> Path:
    """The folder that the user named, or the usual one under ``$COUNTING_DATA``."""
    if place.root:
        root = place.root.expanduser()
        if not root.is_dir():
            raise DataError(f"{root}: no such folder; the root holds JPEGImages (VOC) or annotations (COCO)")
        return root
    if data not in _HOMES:
        raise DataError(f"{data} is your own data: say where it lies with --root (root in a configuration)")
    advice = (
        f"`counting download {data}` or --root" if data in _DOWNLOADABLE else "see datasets/README.md, or --root"
    )
    home = os.environ.get("COUNTING_DATA")
    if not home:
        raise DataError(f"where is {data}? Set COUNTING_DATA to the folder of all data sets; {advice}")
    root = Path(home).expanduser() / _HOMES[data]
    if not root.is_dir():
        raise DataError(f"{root}: no such folder, so no {data}; {advice}")
    return root


def _load_coco(data: str, split: str, place: Place) -> SceneSet:
    if place.annotations:
        file = place.annotations.expanduser()
        return load_coco(file, (place.images or file.parent).expanduser(), split=split, data=data)
    root = _root(data, place)
    name = _coco_name(data, split)
    images = place.images.expanduser() if place.images else _photo_folder(root, name)
    scenes = load_coco(root / "annotations" / f"instances_{name}.json", images, split=split, data=data)
    return count_half(scenes) if name == "val2014" and data == "coco2014" else scenes


def _coco_name(data: str, split: str) -> str:
    """What COCO calls a split: ``val2014`` holds both Count-val and Count-test."""
    names = {
        "coco2014": {"train": "train2014", "val": "val2014", "test": "val2014"},
        "coco2017": {"train": "train2017", "val": "val2017"},
    }
    if data not in names:
        return split
    if split not in names[data]:
        raise DataError(f"{data} has no split {split!r}: use {' or '.join(names[data])}")
    return names[data][split]


def count_half(scenes: SceneSet, half: int = COUNT_HALF) -> SceneSet:
    """Count-val or Count-test, as ``scenes.split`` says, of all of val2014. (CEOS, data sets.)

    Raises:
        DataError: ``scenes`` are not two halves.
    """
    if len(scenes) != 2 * half:
        raise DataError(
            f"{scenes.data}: Count-val and Count-test are the halves of val2014's {2 * half:,} photos, "
            f"but its annotations name {len(scenes):,}; use data set coco for a part of COCO"
        )
    return scenes[:half] if scenes.split == "val" else scenes[half:]


def _photo_folder(root: Path, name: str) -> Path:
    """The first that exists of R/images/NAME, R/NAME, both without what follows the last _, and R/images."""
    plain = name.rpartition("_")[0] or name
    candidates = [root / "images" / name, root / name, root / "images" / plain, root / plain, root / "images"]
    return next((folder for folder in candidates if folder.is_dir()), candidates[0])
