"""A detector's boxes, as flat arrays, and the COCO results files they come in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting.stats.metrics import Floats, Ints
from counting.tables.count_table import CountTable, join
from counting_datasets.categories import COCO_CATEGORIES, match_categories
from counting_datasets.errors import DataError

Vocabulary = Sequence[tuple[int, str]]

_COCO_GAPS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
COCO_VOCABULARY: Vocabulary = tuple(
    zip((i for i in range(1, 91) if i not in _COCO_GAPS), COCO_CATEGORIES, strict=True)
)
"""COCO's own category ids, 1 to 90 with gaps, and their names."""

_KEYS = ("image_id", "category_id", "bbox", "score")


@dataclass(frozen=True, eq=False)
class Detections:
    """D boxes found in N photos; a photo without any box counts too.

    Attributes:
        images: N ids.
        categories: K names.
        image: D indices into ``images``.
        category: D indices into ``categories``.
        boxes: D×4 float64, (x0, y0, x1, y1) in pixels, 0-based and half-open.
        scores: D float64 in [0, 1].
        numbers: the data set's own ids for the N images, as text, if known.
        skipped: how many boxes of other photos the file held.
    """

    images: tuple[str, ...]
    categories: tuple[str, ...]
    image: Ints
    category: Ints
    boxes: Floats
    scores: Floats
    numbers: tuple[str, ...] | None = None
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def groups(self) -> Ints:
        """D whole numbers, alike for the boxes of one photo and category: image × K + category."""
        return self.image * len(self.categories) + self.category

    def where(self, kept: NDArray[np.bool_]) -> "Detections":
        """The boxes that ``kept`` (D flags) marks, in the same photos."""
        return replace(
            self,
            image=self.image[kept],
            category=self.category[kept],
            boxes=self.boxes[kept],
            scores=self.scores[kept],
        )

    def in_photos(self, rows: Ints) -> "Detections":
        """The boxes of the photos at ``rows`` (indices into ``images``, no two alike), in their order."""
        place = np.full(len(self.images), -1)
        place[rows] = np.arange(len(rows))
        kept = self.where(place[self.image] >= 0)
        return replace(
            kept,
            images=tuple(self.images[row] for row in rows),
            numbers=None if self.numbers is None else tuple(self.numbers[row] for row in rows),
            image=place[kept.image],
        )

    def totals(self, worth: Floats) -> CountTable:
        """Counts as the sum of what each box is worth (D floats) in its photo and category."""
        shape = (len(self.images), len(self.categories))
        summed = np.bincount(self.groups, weights=worth, minlength=shape[0] * shape[1])
        counts = summed.reshape(shape).astype(np.float64)
        return CountTable(self.images, self.categories, counts, numbers=self.numbers)


def read_detections(path: Path, truth: CountTable, vocabulary: Vocabulary | None = None) -> Detections:
    """Read a COCO results file: a JSON list of {image_id, category_id, bbox (x, y, width, height), score}.

    Its photos are joined to those of ``truth`` as counts are (``counting.tables.count_table.join``);
    boxes of other photos are skipped and counted. ``vocabulary`` gives the file's category ids their names.
    Without it they are

    - COCO's own ids if ``truth`` has COCO's 80 categories;
    - 1 to K in the order of the categories of ``truth`` if no id is above K;
    - else COCO's own ids, if all are: a COCO detector on other data. (If it found nothing but ids up to K,
      the file looks like the case before: pass ``COCO_VOCABULARY``.)

    Names are matched as VOC and COCO write them; boxes of categories that ``truth`` lacks are left out.

    Raises:
        DataError: no such list, or none of its photos is in ``truth``; a row that lacks a key, has an unknown
            category id, a box that is not four finite numbers or has a negative side, or a score outside
            [0, 1]: says which row.
    """
    try:
        return _parse(read_rows(path), truth, vocabulary)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def own_detections(rows: list[Any], categories: Sequence[str]) -> tuple[Detections, Vocabulary]:
    """Every box of a file's ``rows``, in their order, in the file's own photos and vocabulary; and that.

    Its ids are those of ``categories``, or COCO's own, as ``read_detections`` tells them apart.

    Raises:
        DataError: as ``read_detections`` does for rows.
    """
    photos, ids, boxes, scores = _columns(rows)
    _check_boxes(boxes, scores)
    vocabulary = _guess_vocabulary(ids, tuple(categories))
    names = tuple(name for _, name in vocabulary)
    images = {photo: row for row, photo in enumerate(dict.fromkeys(photos))}
    found = Detections(
        images=tuple(images),
        categories=names,
        image=np.array([images[photo] for photo in photos], dtype=np.int64),
        category=_categories(ids, names, vocabulary),
        boxes=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
        scores=scores,
    )
    return found, vocabulary


def read_rows(path: Path) -> list[Any]:
    """The list in a COCO results file, unchecked but for being one.

    Raises:
        DataError: it cannot be read or is something else.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DataError(f"line {error.lineno}: not JSON ({error.msg})") from None
    except FileNotFoundError:
        raise DataError("no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})") from None
    except (RecursionError, ValueError):
        raise DataError("not a list of detections") from None
    if not isinstance(rows, list):
        raise DataError("not a list of detections (COCO results format)")
    return rows


def _parse(rows: list[Any], truth: CountTable, vocabulary: Vocabulary | None) -> Detections:
    photos, ids, boxes, scores = _columns(rows)
    _check_boxes(boxes, scores)
    image = rows_of(photos, truth)
    category = _categories(ids, truth.categories, vocabulary)
    kept = (image >= 0) & (category >= 0)
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    return Detections(
        images=truth.images,
        categories=truth.categories,
        image=image[kept],
        category=category[kept],
        boxes=corners[kept],
        scores=scores[kept],
        numbers=truth.numbers,
        skipped=int(np.count_nonzero(image < 0)),
    )


def _columns(rows: list[Any]) -> tuple[list[str], Ints, Floats, Floats]:
    """Image ids as text, category ids, boxes (x, y, width, height) and scores.

    All rows are checked at once, by the types of whole columns; only if that fails are they gone through.
    """
    try:
        photos = [row["image_id"] for row in rows]
        ids = [row["category_id"] for row in rows]
        boxes = [row["bbox"] for row in rows]
        scores = [row["score"] for row in rows]
        if {type(photo) for photo in photos} <= {int, str} and {type(number) for number in ids} <= {int}:
            by_category = np.array(ids, dtype=np.int64)
            sides, surety = _numbers(boxes, (len(rows), 4)), _numbers(scores, (len(rows),))
            return [str(photo) for photo in photos], by_category, sides, surety
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise next(error for number, row in enumerate(rows, 1) if (error := _fault(row, number)))


def _numbers(column: list[Any], shape: tuple[int, ...]) -> Floats:
    """``column`` as floats of ``shape``; ValueError if it holds anything but numbers."""
    values = np.array(column) if column else np.zeros(shape)
    if values.dtype.kind not in "iuf" or values.shape != shape:
        raise ValueError
    return values.astype(np.float64)


def _fault(row: Any, number: int) -> DataError | None:
    """What is wrong with the shape of a single row."""
    if not isinstance(row, dict):
        return DataError(f"row {number}: not an object with {', '.join(_KEYS)}")
    lacking = [key for key in _KEYS if key not in row]
    if lacking:
        return DataError(f"row {number}: lacks {lacking[0]!r}")
    photo, category, box, score = (row[key] for key in _KEYS)
    if type(photo) not in (int, str):
        return DataError(f"row {number}: image_id is {photo!r}, neither a whole number nor text")
    if type(category) is not int or abs(category) >= 2**63:
        return DataError(f"row {number}: category_id is {category!r}, not a whole number")
    if not (isinstance(box, list) and len(box) == 4 and all(_is_number(side) for side in box)):
        return DataError(f"row {number}: bbox is {box!r}, not four numbers (x, y, width, height)")
    if not _is_number(score):
        return DataError(f"row {number}: score is {score!r}, not a number")
    return None


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < 2**63)


def _check_boxes(boxes: Floats, scores: Floats) -> None:
    wrong = (
        (~np.isfinite(boxes).all(axis=1), boxes, "bbox {} is not finite"),
        (np.any(boxes[:, 2:] < 0, axis=1), boxes, "bbox {} has a negative width or height"),
        (~((scores >= 0) & (scores <= 1)), scores, "score {} is not between 0 and 1"),
    )
    for bad, values, message in wrong:
        if np.any(bad):
            row = int(np.argmax(bad))
            raise DataError(f"row {row + 1}: {message.format(values[row].tolist())}")


def rows_of(photos: Sequence[str], truth: CountTable) -> Ints:
    """The row of ``truth`` for each id, as ``counting.tables.count_table.join`` finds it; -1 for none.

    Raises:
        DataError: no id has a row, or two have the same.
    """
    known = tuple(dict.fromkeys(photos))
    if not known:
        return np.empty(0, dtype=np.int64)
    # a table whose counts are its own row numbers tells, once joined, which id became which image
    asked = CountTable(known, ("row",), np.arange(len(known), dtype=np.float64)[:, None])
    found, numbered, _ = join(truth, asked)
    if not found.images:
        raise DataError(f"none of its photos, such as image_id {known[0]!r}, is among those to count")
    row = {image: place for place, image in enumerate(truth.images)}
    places = np.full(len(known), -1)
    places[numbered.counts[:, 0].astype(np.int64)] = [row[image] for image in found.images]
    index = dict(zip(known, places.tolist(), strict=True))
    return np.array([index[photo] for photo in photos], dtype=np.int64)


def _categories(ids: Ints, categories: tuple[str, ...], vocabulary: Vocabulary | None) -> Ints:
    """The index into ``categories`` for each id, -1 for those of another vocabulary that have none."""
    names = dict(_guess_vocabulary(ids, categories) if vocabulary is None else vocabulary)
    values, where = np.unique(ids, return_inverse=True)
    unknown = [value not in names for value in values.tolist()]
    if any(unknown):
        row = int(np.argmax(np.array(unknown)[where]))
        raise DataError(f"row {row + 1}: unknown category_id {ids[row]} (known: {_span(names)})")
    exact = {name: index for index, name in enumerate(categories)}
    alike = match_categories(list(names.values()), categories)
    by_id = {number: exact.get(name, alike.get(index, -1)) for index, (number, name) in enumerate(names.items())}
    return np.array([by_id[value] for value in values.tolist()], dtype=np.int64)[where]


def _guess_vocabulary(ids: Ints, categories: tuple[str, ...]) -> Vocabulary:
    own = tuple(enumerate(categories, 1))
    if len(match_categories(COCO_CATEGORIES, categories)) == len(categories) == len(COCO_CATEGORIES):
        return COCO_VOCABULARY
    if ids.size == 0 or ids.max() <= len(categories):
        return own
    return COCO_VOCABULARY if set(ids.tolist()) <= {number for number, _ in COCO_VOCABULARY} else own


def _span(names: dict[int, str]) -> str:
    return f"{len(names)} ids from {min(names)} to {max(names)}" if names else "none"
