"""PASCAL VOC's format: a folder of photos, an XML file of annotations for each, and lists of splits."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from counting_datasets.categories import VOC_CATEGORIES, require_distinct
from counting_datasets.errors import DataError, choices
from counting_datasets.notes import note
from counting_datasets.scene import Scene, SceneSet
from counting_datasets.splits import parse_share
from counting_datasets.text_files import nfc
from counting_datasets.voc_folder import VocFolder, find_voc, folder_of, is_split_folder
from counting_datasets.voc_xml import VocAnnotation, read_annotation

OWN = "voc"
"""The name of the user's own data in this format, which may come without lists of splits."""


def load_voc(
    root: Path,
    split: str,
    *,
    categories: Sequence[str] | None = VOC_CATEGORIES,
    data: str = "voc2007",
    unannotated_are_empty: bool = False,
) -> SceneSet:
    """The scenes of a split. No photo is opened.

    A split is what ``ImageSets/Main/<split>.txt`` lists, in its order. The user's own data may lie in other ways
    (see ``find_voc``); without lists, all annotated photos are one split, or a share of them is (``val:80/20``).
    Without ``categories`` they are the names in the annotations of all splits and photos, sorted, so that every
    split gets the same. With ``unannotated_are_empty`` a photo without annotation is one without objects.

    Raises:
        DataError: a missing or empty split, a missing or malformed annotation, an unknown category.
    """
    folders = find_voc(root)
    folder = folder_of(folders, split)
    if data == OWN and (parse_share(split) or not folder.lists):
        names = _unlisted(folder, split, unannotated_are_empty)
    else:
        names = folder.listed(split, unannotated_are_empty=unannotated_are_empty)
    read = cache(read_annotation)
    annotations = [read(file) if (file := folder.annotation(name)) else None for name in names]
    if categories is None:
        every = [read(file) for each in folders.values() for file in each.countable()]
        known = _found_categories(root, every)
    else:
        require_distinct(categories)
        known = tuple(categories)
    place = _places(known)
    scenes = tuple(
        _scene(name, folder.photo(name), annotation, place, known)
        for name, annotation in zip(names, annotations, strict=True)
    )
    return SceneSet(data, split, "voc", known, scenes)


def _unlisted(folder: VocFolder, split: str, unannotated_are_empty: bool) -> list[str]:
    """The photos of a split that no list names: all in the folder, or a share of them."""
    photos = folder.every_photo() if unannotated_are_empty else folder.annotated()
    if not photos:
        raise DataError(f"{folder.root}: no photo has an annotation of its name")
    share = parse_share(split)
    if share:
        return [photos[index] for index in share.of(photos)]
    if not is_split_folder(folder, split):
        note(f"{folder.root}: nothing lists splits, so {split} is all {len(photos)} annotated photos")
    return photos


def _found_categories(root: Path, annotations: Iterable[VocAnnotation]) -> tuple[str, ...]:
    """All names of objects; where some differ in case alone, the commonest of them stands for all."""
    uses = Counter(thing.name for annotation in annotations for thing in annotation.objects)
    if not uses:
        raise DataError(f"{root}: no object in any annotation: name the categories to count")
    spellings = defaultdict(list)
    for name in sorted(uses, key=lambda name: (-uses[name], name)):
        spellings[name.casefold()].append(name)
    for chosen, *others in spellings.values():
        for other in others:
            note(f"{root}: {other!r} counts as {chosen!r}, which differs in case alone")
    return tuple(sorted(chosen for chosen, *_ in spellings.values()))


def _places(categories: Sequence[str]) -> dict[str, int]:
    """Where a name is in ``categories``, as written and, for names that are not there, in lower case."""
    names = [" ".join(nfc(name).split()) for name in categories]
    places = {name.casefold(): index for index, name in reversed(list(enumerate(names)))}
    return places | {name: index for index, name in enumerate(names)}


def _scene(
    name: str,
    photo: Path,
    annotation: VocAnnotation | None,
    place: Mapping[str, int],
    categories: tuple[str, ...],
) -> Scene:
    objects = annotation.objects if annotation else []
    labels = [place.get(thing.name, place.get(thing.name.casefold())) for thing in objects]
    if annotation and None in labels:
        unknown = objects[labels.index(None)].name
        known = choices(unknown, categories)
        raise DataError(f"{annotation.path}: unknown category {unknown!r}: add it to categories; {known}")
    return Scene(
        id=name,
        number=re.sub(r"^0+(?=\d)", "", name) if name.isdigit() else name,
        path=photo,
        size=annotation.size if annotation else None,
        boxes=np.array([thing.box for thing in objects], dtype=np.float64).reshape(-1, 4),
        labels=np.array(labels, dtype=np.int64),
        difficult=np.array([thing.difficult for thing in objects], dtype=bool),
        crowd=np.zeros(len(objects), dtype=bool),
        categories=categories,
    )
