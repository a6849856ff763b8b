"""The PASCAL VOC format: photos, an XML annotation file for each, and a list of photos for each split."""

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
"""Name of the data set for the user's own data in VOC format, which may have no split lists."""


def load_voc(
    root: Path,
    split: str,
    *,
    categories: Sequence[str] | None = VOC_CATEGORIES,
    data: str = "voc2007",
    unannotated_are_empty: bool = False,
) -> SceneSet:
    """The scenes of a split. Opens no photo.

    ``ImageSets/Main/<split>.txt`` lists the photos of a split, in order. The user's own data may have another
    layout (see ``find_voc``); without split lists, a split is all annotated photos or a share of them
    (``val:80/20``). If ``categories`` is None, they are all names in the annotations of all splits, sorted, so
    that every split has the same. ``unannotated_are_empty`` means that photos without an XML file have no objects.

    Raises:
        DataError: a missing or empty split, a missing or malformed annotation, or an unknown category.
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
        used = [read(file) for each in folders.values() for file in each.used_annotations()]
        known = _found_categories(root, used)
    else:
        require_distinct(categories)
        known = tuple(categories)
    index_of = _category_indices(known)
    scenes = tuple(
        _scene(name, folder.photo(name), annotation, index_of, known)
        for name, annotation in zip(names, annotations, strict=True)
    )
    return SceneSet(data, split, "voc", known, scenes)


def _unlisted(folder: VocFolder, split: str, unannotated_are_empty: bool) -> list[str]:
    """The photos of a split without a split list: all in the folder, or a share of them."""
    photos = folder.all_photos() if unannotated_are_empty else folder.annotated_photos()
    if not photos:
        raise DataError(f"{folder.root}: no photo has an XML file of the same name")
    share = parse_share(split)
    if share:
        return [photos[index] for index in share.of(photos)]
    if not is_split_folder(folder, split):
        note(f"{folder.root}: the data set has no splits, so {split} is all {len(photos)} annotated photos")
    return photos


def _found_categories(root: Path, annotations: Iterable[VocAnnotation]) -> tuple[str, ...]:
    """The names of all objects, sorted; of names that differ only in case, the most common one."""
    uses = Counter(thing.name for annotation in annotations for thing in annotation.objects)
    if not uses:
        raise DataError(f"{root}: no annotation has any object; name the categories to count")
    spellings = defaultdict(list)
    for name in sorted(uses, key=lambda name: (-uses[name], name)):
        spellings[name.casefold()].append(name)
    for chosen, *others in spellings.values():
        for other in others:
            note(f"{root}: category {other!r} counts as {chosen!r}, which differs only in case")
    return tuple(sorted(chosen for chosen, *_ in spellings.values()))


def _category_indices(categories: Sequence[str]) -> dict[str, int]:
    """Index by name, for names as written and in lower case."""
    names = [" ".join(nfc(name).split()) for name in categories]
    lower_case = {name.casefold(): index for index, name in reversed(list(enumerate(names)))}
    return lower_case | {name: index for index, name in enumerate(names)}


def _scene(
    name: str,
    photo: Path,
    annotation: VocAnnotation | None,
    index_of: Mapping[str, int],
    categories: tuple[str, ...],
) -> Scene:
    objects = annotation.objects if annotation else []
    labels = [index_of.get(thing.name, index_of.get(thing.name.casefold())) for thing in objects]
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
