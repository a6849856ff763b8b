"""Load a split of a data set by name."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from counting_datasets.categories import match_categories
from counting_datasets.coco import load_coco
from counting_datasets.coco_folder import CocoSplit, find_instances
from counting_datasets.data_sets import DataSet, find_data_set
from counting_datasets.errors import DataError, choices
from counting_datasets.scene import SceneSet
from counting_datasets.splits import parse_share
from counting_datasets.text_files import expanded, is_folder, nfc
from counting_datasets.voc import load_voc


@dataclass(frozen=True)
class Place:
    """Where the data are and which categories to count; None selects the data set's default.

    Attributes:
        root: the folder that holds JPEGImages (VOC) or annotations (COCO).
        annotations: the user's own annotation file in COCO format, instead of ``root``.
        images: the folder of the photos that a COCO file lists.
        categories: for ``voc``, all categories in the data; otherwise the names of the categories to count.
        unannotated_are_empty: for ``voc``, whether a photo without an XML file has no objects.
    """

    root: Path | None = None
    annotations: Path | None = None
    images: Path | None = None
    categories: tuple[str, ...] | None = None
    unannotated_are_empty: bool = False


def load(data: str, split: str, place: Place = Place()) -> SceneSet:
    """Load a split of ``data``, a name in ``DATA_SETS``; ``voc`` and ``coco`` are the user's own data.

    Raises:
        DataError: an unknown data set or split, or missing or malformed files.
    """
    data_set = find_data_set(data)
    if place.annotations and data != "coco":
        raise DataError(f"{place.annotations}: your own annotation file needs data set coco, not {data}")
    if place.images and data_set.family == "voc":
        raise DataError(f"{place.images}: {data} reads its photos from JPEGImages; leave the image folder out")
    if place.unannotated_are_empty and data != "voc":
        raise DataError(f"unannotated_are_empty needs data set voc, not {data}")
    categories = tuple(" ".join(nfc(name).split()) for name in place.categories) if place.categories else None
    if data == "voc":
        empty = place.unannotated_are_empty
        return load_voc(
            _root(data_set, place), split, categories=categories, data=data, unannotated_are_empty=empty
        )
    if data_set.family == "voc":
        scenes = load_voc(_root(data_set, place), split, data=data)
    else:
        scenes = _load_coco(data_set, split, place)
    return in_categories(scenes, categories) if categories else scenes


def in_categories(scenes: SceneSet, categories: Sequence[str], *, partly: bool = False) -> SceneSet:
    """Map the labels of ``scenes`` to ``categories`` by name (couch = sofa); drop objects of other categories.

    With ``partly``, a category that ``scenes`` lacks has an unknown count in every photo.

    Raises:
        DataError: ``scenes`` lacks one of the categories; with ``partly``, it lacks all of them.
    """
    if tuple(categories) == scenes.categories:
        return scenes
    match = match_categories(scenes.categories, categories)
    absent = [name for index, name in enumerate(categories) if index not in match.values()]
    if absent and not (partly and match):
        known = choices(absent[0], scenes.categories)
        raise DataError(f"{scenes.data} has no category {', '.join(map(repr, absent))}; {known}")
    relabelled = tuple(scene.relabelled(match, tuple(categories)) for scene in scenes)
    return replace(scenes, categories=tuple(categories), scenes=relabelled)


def _root(data_set: DataSet, place: Place) -> Path:
    """The folder that the user named, or the data set's home in ``$COUNTING_DATA``."""
    name = data_set.name
    if place.root:
        root = expanded(place.root)
        if not is_folder(root):
            raise DataError(f"{root}: no such folder; the root holds JPEGImages (VOC) or annotations (COCO)")
        return root
    if data_set.home is None:
        raise DataError(f"data set {name} is your own data: name its folder with --root (root in a configuration)")
    source = f"run `counting download {name}`" if data_set.archives else "see datasets/README.md"
    advice = f"{source} or name the folder with --root"
    home = os.environ.get("COUNTING_DATA")
    if not home:
        raise DataError(f"no folder given for {name}: set COUNTING_DATA to the folder of all data sets; {advice}")
    root = expanded(Path(home)) / data_set.home
    if not is_folder(root):
        raise DataError(f"{root}: no such folder; to get {name}, {advice}")
    return root


def _load_coco(data_set: DataSet, split: str, place: Place) -> SceneSet:
    if place.annotations:
        file = expanded(place.annotations)
        return _read(data_set, split, CocoSplit(file, expanded(place.images or file.parent)))
    root = _root(data_set, place)
    if data_set.files and split not in data_set.files:
        raise DataError(f"{data_set.name} has no split {split!r}; {choices(split, data_set.files)}")
    found = find_instances(root, data_set.files.get(split, split))
    return _read(data_set, split, CocoSplit(found.file, expanded(place.images)) if place.images else found)


def _read(data_set: DataSet, split: str, place: CocoSplit) -> SceneSet:
    scenes = load_coco(place.file, place.images, split=split, data=data_set.name)
    share = parse_share(split) if data_set.is_own else None
    if share:
        chosen = share.of([scene.id for scene in scenes])
        return replace(scenes, scenes=tuple(scenes[index] for index in chosen))
    return _half(scenes, data_set.half) if data_set.half and split in ("val", "test") else scenes


def _half(scenes: SceneSet, half: int) -> SceneSet:
    """Count-val (first half of val2014) or Count-test (second half), by ``scenes.split``. (CEOS, data sets.)"""
    if len(scenes) != 2 * half:
        raise DataError(
            f"{scenes.data}: Count-val and Count-test are the halves of val2014's {2 * half:,} photos, "
            f"but the annotation file lists {len(scenes):,}; use data set coco for a subset of COCO"
        )
    return scenes[:half] if scenes.split == "val" else scenes[half:]
