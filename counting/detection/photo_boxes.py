"""A detector's boxes on the photos of a data set, from a COCO results file or a packed .npz file.

The .npz file contains ``names`` (file names of the photos without extension) and, for each box, ``image`` (index
into names), ``category`` (0–79, in the order of COCO's ids), ``box`` (x0, y0, x1, y1 as fractions of the photo ×
65535) and ``score`` (× 255).
"""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from counting.detection.detections import Detections
from counting.detection.results_file import find_photos, read_rows, whole_file
from counting.stats.metrics import Floats, Ints
from counting.tables.count_table import CountTable
from counting_datasets.categories import COCO_CATEGORIES, match_categories
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

_PACKED = ("names", "image", "category", "box", "score")


def boxes_on(path: Path, scenes: SceneSet, categories: tuple[str, ...]) -> Detections:
    """The boxes of the file at ``path`` on the photos of ``scenes``, in ``categories`` by name.

    Category ids of a results file are those of the annotation file of ``scenes`` if all of them occur there; else
    1 to K in the order of its categories if all are in that range; else COCO's own.

    Raises:
        DataError: the file cannot be read, is corrupt, or contains none of the photos.
    """
    try:
        found = _packed(path, scenes) if path.suffix == ".npz" else _results(path, scenes)
    except DataError as error:
        raise DataError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    match = match_categories(found.categories, categories)
    column = np.array([match.get(index, -1) for index in range(len(found.categories))])
    kept = found.where(column[found.category] >= 0)
    return replace(kept, categories=categories, category=column[kept.category])


def _results(path: Path, scenes: SceneSet) -> Detections:
    rows = read_rows(path)
    ids = scenes.category_ids or {}
    theirs = all(isinstance(row, dict) and str(row.get("category_id")) in ids for row in rows)
    found = whole_file(rows, scenes.categories, ids if theirs and ids else None)
    return _in_photos(found.detections, scenes, numbered=found.numbered)


def _packed(path: Path, scenes: SceneSet) -> Detections:
    names, image, category, shares, scores = _arrays(path)
    found = Detections(names, COCO_CATEGORIES, image, category, shares, scores)
    placed = _in_photos(found, scenes, numbered=False)
    sizes = np.array([[*scene.size, *scene.size] for scene in scenes], dtype=np.float64)
    return replace(placed, boxes=placed.boxes * sizes[placed.image])


def _arrays(path: Path) -> tuple[tuple[str, ...], Ints, Ints, Floats, Floats]:
    try:
        with np.load(path) as file:
            names, image, category, box, score = (np.asarray(file[key]) for key in _PACKED)
    except FileNotFoundError:
        raise DataError("no such file") from None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"no packed boxes: expected the arrays {', '.join(_PACKED)} ({error})") from None
    fits = names.ndim == 1 and box.shape == (len(score), 4) and image.shape == category.shape == score.shape
    whole = all(array.dtype.kind in "iu" for array in (image, category, box, score))
    if not (fits and whole and _within(image, len(names)) and _within(category, len(COCO_CATEGORIES))):
        raise DataError("array shapes or types do not match, or an index is out of range")
    ids = tuple(str(name) for name in names)
    return ids, image.astype(np.int64), category.astype(np.int64), box / 65535, score / 255


def _within(index: Ints, length: int) -> bool:
    return not len(index) or (int(index.min()) >= 0 and int(index.max()) < length)


def _in_photos(found: Detections, scenes: SceneSet, *, numbered: bool) -> Detections:
    """The boxes on the photos of ``scenes``, indexed by the photos' order there."""
    truth = CountTable.from_scenes(scenes, Protocol())
    row = find_photos(found.images, truth, numbered)
    kept = found.where(row[found.image] >= 0)
    return replace(kept, images=truth.images, numbers=truth.numbers, image=row[kept.image])
