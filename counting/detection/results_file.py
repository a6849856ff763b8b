"""COCO results files: a JSON list of {image_id, category_id, bbox, score}."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counting.detection.detections import Detections
from counting.stats.metrics import Floats, Ints
from counting.tables.count_table import CountTable
from counting.tables.join import find_rows
from counting.tables.table_json import parse_json, whole_number
from counting_datasets.categories import COCO_CATEGORIES, match_categories
from counting_datasets.errors import DataError

CategoryIds = Mapping[str, str]
"""Category names by category id, as text."""

_COCO_GAPS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
COCO_IDS: CategoryIds = dict(
    zip((str(number) for number in range(1, 91) if number not in _COCO_GAPS), COCO_CATEGORIES, strict=True)
)
"""COCO's own category ids, 1 to 90 with gaps."""

SCORE_TOLERANCE = 1e-3
"""Largest distance of a score outside [0, 1] that is treated as rounding and clipped."""

SIDE_TOLERANCE = 1e-3
"""Largest negative width or height, in pixels, that is treated as rounding and clipped."""

_KEYS = ("image_id", "category_id", "bbox", "score")


def read_detections(path: Path, truth: CountTable, category_ids: CategoryIds | None = None) -> Detections:
    """Read the boxes of the photos and categories of ``truth`` from a COCO results file.

    Photos are matched by ``counting.tables.join.find_rows``; boxes of other photos are skipped and counted.
    Category ids are those of the annotation file that ``truth`` comes from (``truth.category_ids``), or else
    ``category_ids``. Without either they are guessed:

    - COCO's own ids if ``truth`` has COCO's 80 categories;
    - 1 to K, in the order of the categories of ``truth``, if all ids are in that range;
    - COCO's own ids if all ids are among them, as from a COCO detector on other data. (If all its ids are at most
      K, the previous case applies; pass ``COCO_IDS``.)

    VOC's and COCO's category names match; boxes of categories that ``truth`` lacks are left out.

    Raises:
        DataError: the file is not a list of detections, or none of its photos is in ``truth``; or a row lacks a
            key, or has an unknown category id, a box that is not four finite numbers or has a negative side, or
            a score outside [0, 1]: names the row.
    """
    try:
        rows = _Rows.of(read_rows(path))
        image = rows.places_in(truth)
        category = rows.categories_in(truth.categories, truth.category_ids or category_ids)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    kept = (image >= 0) & (category >= 0)
    return Detections(
        images=truth.images,
        categories=truth.categories,
        image=image[kept],
        category=category[kept],
        boxes=rows.boxes[kept],
        scores=rows.scores[kept],
        numbers=truth.numbers,
        skipped=int(np.count_nonzero(image < 0)),
    )


@dataclass(frozen=True, eq=False)
class WholeFile:
    """All boxes of a results file, in the order of its rows.

    Attributes:
        detections: the boxes, in the file's own photos and categories.
        category_ids: the meaning of its category ids.
        numbered: whether all photo ids are integers.
    """

    detections: Detections
    category_ids: CategoryIds
    numbered: bool


def whole_file(rows: list[Any], categories: Sequence[str], category_ids: CategoryIds | None) -> WholeFile:
    """All boxes of a file's ``rows``.

    Its category ids are ``category_ids``; by default they are guessed from ``categories`` as in
    ``read_detections``.

    Raises:
        DataError: a row is malformed, as for ``read_detections``.
    """
    found = _Rows.of(rows)
    known = category_ids or _likely_ids(found.category_ids, tuple(categories))
    names = tuple(dict.fromkeys(known.values()))
    images = {photo: row for row, photo in enumerate(dict.fromkeys(found.photos))}
    detections = Detections(
        images=tuple(images),
        categories=names,
        image=np.array([images[photo] for photo in found.photos], dtype=np.int64),
        category=found.categories_in(names, known),
        boxes=found.boxes,
        scores=found.scores,
    )
    return WholeFile(detections, known, found.numbered)


def read_rows(path: Path) -> list[Any]:
    """The list in a COCO results file; its rows are not checked.

    Raises:
        DataError: the file cannot be read or is not a list.
    """
    try:
        rows = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError("no such file") from None
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})") from None
    if not isinstance(rows, list):
        raise DataError("not a list of detections (COCO results format)")
    return rows


def find_photos(photos: Sequence[str], truth: CountTable, numbered: bool) -> Ints:
    """The row of ``truth`` for each of ``photos`` (which may repeat), by ``find_rows``; -1 for none.

    ``numbered``: all photo ids are integers, the data set's own numbers.

    Raises:
        DataError: none of the photos has a row; or as for ``find_rows``.
    """
    known = tuple(dict.fromkeys(photos))
    places = find_rows(truth, known, numbers_first=numbered)
    if known and places.max() < 0:
        raise DataError(f"none of its photos is in the data to count, such as image_id {known[0]!r}")
    place = dict(zip(known, places.tolist(), strict=True))
    return np.array([place[photo] for photo in photos], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The D validated rows of a results file.

    Attributes:
        photos, category_ids: D ids as text.
        numbered: whether all photo ids are integers.
        boxes: D×4 corners.
        scores: D scores in [0, 1].
    """

    photos: list[str]
    numbered: bool
    category_ids: list[str]
    boxes: Floats
    scores: Floats

    @classmethod
    def of(cls, rows: list[Any]) -> "_Rows":
        """Check whole columns by type, which is fast; check row by row only to find the error."""
        try:
            photos, ids, boxes, scores = ([row[key] for row in rows] for key in _KEYS)
            numbered = str not in {type(photo) for photo in photos}
            named, kinds = _texts(photos), _texts(ids)
            sides, surety = _numbers(boxes, (len(rows), 4)), _numbers(scores, (len(rows),))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise next(error for number, row in enumerate(rows, 1) if (error := _fault(row, number))) from None
        _check_boxes(sides, surety)
        corners = np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:].clip(min=0)], axis=1)
        return cls(named, numbered, kinds, corners, surety.clip(0, 1))

    def places_in(self, truth: CountTable) -> Ints:
        """The row of ``truth`` for each box, by ``find_photos``."""
        return find_photos(self.photos, truth, self.numbered)

    def categories_in(self, categories: tuple[str, ...], known: CategoryIds | None) -> Ints:
        """The index into ``categories`` for each box; -1 for other categories."""
        names = _likely_ids(self.category_ids, categories) if known is None else known
        odd = next((row for row, own in enumerate(self.category_ids) if own not in names), None)
        if odd is not None:
            raise DataError(f"row {odd + 1}: unknown category_id {self.category_ids[odd]} (known: {_span(names)})")
        exact = {name: index for index, name in enumerate(categories)}
        alike = match_categories(list(names.values()), categories)
        by_id = {own: exact.get(name, alike.get(row, -1)) for row, (own, name) in enumerate(names.items())}
        return np.array([by_id[own] for own in self.category_ids], dtype=np.int64)


def _texts(ids: list[Any]) -> list[str]:
    """Ids as text, with whole numbers without decimals; TypeError if an id is neither text nor whole."""
    if {type(own) for own in ids} <= {int, str}:
        return list(map(str, ids))
    texts = [_text(own) for own in ids]
    if None in texts:
        raise TypeError
    return [text for text in texts if text is not None]


def _text(own: Any) -> str | None:
    if isinstance(own, str):
        return own
    whole = whole_number(own)
    return None if whole is None else str(whole)


def _numbers(column: list[Any], shape: tuple[int, ...]) -> Floats:
    """``column`` as floats of ``shape``; ValueError if it contains anything but numbers."""
    values = np.array(column) if column else np.zeros(shape)
    if values.dtype.kind not in "iuf" or values.shape != shape:
        raise ValueError
    return values.astype(np.float64)


def _fault(row: Any, number: int) -> DataError | None:
    """The first structural error of a row, or None."""
    if not isinstance(row, dict):
        return DataError(f"row {number}: not an object with the keys {', '.join(_KEYS)}")
    lacking = [key for key in _KEYS if key not in row]
    if lacking:
        return DataError(f"row {number}: missing key {lacking[0]!r}")
    photo, category, box, score = (row[key] for key in _KEYS)
    if _text(photo) is None:
        return DataError(f"row {number}: image_id is {photo!r}, neither a whole number nor text")
    if _text(category) is None:
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
        (np.any(boxes[:, 2:] < -SIDE_TOLERANCE, axis=1), boxes, "bbox {} has a negative width or height"),
        (~((scores >= -SCORE_TOLERANCE) & (scores <= 1 + SCORE_TOLERANCE)), scores, "score {} is not from 0 to 1"),
    )
    for bad, values, message in wrong:
        if np.any(bad):
            row = int(np.argmax(bad))
            raise DataError(f"row {row + 1}: {message.format(values[row].tolist())}")


def _likely_ids(ids: Sequence[str], categories: tuple[str, ...]) -> CategoryIds:
    own = {str(number): name for number, name in enumerate(categories, 1)}
    if len(match_categories(COCO_CATEGORIES, categories)) == len(categories) == len(COCO_CATEGORIES):
        return COCO_IDS
    found = set(ids)
    return COCO_IDS if not found <= own.keys() and found <= COCO_IDS.keys() else own


def _span(ids: CategoryIds) -> str:
    shown = ", ".join(list(ids)[:12])
    return f"{shown}, … {list(ids)[-1]}" if len(ids) > 12 else shown or "none"
