"""Match the rows of two tables of counts by image."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from counting.stats.metrics import Ints
from counting.tables.count_table import CountTable
from counting_datasets.errors import DataError

MAX_MISSING = 0.1
"""Largest share of a split's images that may be missing from a score."""

_WHOLE = re.compile(r"(\d+)\.0*")
"""Whole number written as a float, such as "42.0"."""

_ENDING = re.compile(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{1,4}$")
_COCO_NAME = re.compile(r"COCO_\w+_(\d{12})")
"""Name of a COCO 2014 photo, which ends in its number in COCO's annotation files."""


def join(truth: CountTable, predicted: CountTable) -> tuple[CountTable, CountTable, tuple[str, ...]]:
    """The rows of the images in both tables, in the truth's order and under its ids, and the missing ids.

    Rows are matched by ``find_rows``. Predicted rows that match no true image are dropped; true images without a
    predicted row are missing.

    Raises:
        DataError: as for ``find_rows``.
    """
    places = find_rows(truth, predicted.images)
    known = np.flatnonzero(places >= 0)
    known = known[np.argsort(places[known])]
    row_of = dict.fromkeys(places[known].tolist())
    missing = tuple(image for row, image in enumerate(truth.images) if row not in row_of)
    found, theirs = truth.rows(places[known]), predicted.rows(known)
    return found, replace(theirs, images=found.images, numbers=found.numbers), missing


def find_rows(truth: CountTable, images: Sequence[str], *, numbers_first: bool = False) -> Ints:
    """The row of ``truth`` that each id in ``images`` matches, or -1.

    The first of these rules that finds exactly one row decides.

    1. The ids are equal.
    2. The file names are equal without folder and extension ("images/a.jpg" and "a"). If several images of the
       truth have that name, the one whose folders match furthest from the end.
    3. The id is the image's number in the data set (``CountTable.numbers``).
    4. Both are whole numbers of the same value ("000042" and "42"), the truth's without a folder; names of COCO
       2014 photos contain such a number.

    With ``numbers_first`` the third rule comes first: in a COCO results file a whole number is an image's number,
    whatever its file name. Text is compared in Unicode's normal form C; backslashes also separate folders.

    Raises:
        DataError: two of ``images`` match one row, or one matches several rows by its value.
    """
    finder = _Finder(truth, numbers_first)
    found = np.full(len(images), -1, dtype=np.int64)
    first: dict[int, str] = {}
    for place, image in enumerate(images):
        row = finder(image)
        if row is None:
            continue
        if row in first:
            raise DataError(
                f"duplicate image id {truth.images[row]!r}: {first[row]!r} and {image!r} both match it"
            )
        first[row] = image
        found[place] = row
    return found


def check_missing(missing: Sequence[str], wanted: int, where: str) -> None:
    """Refuse to score if more than a tenth of the ``wanted`` images are ``missing``, or none are wanted.

    Raises:
        DataError: gives their number, an example, and ``where`` they are missing ("counts.csv", "JPEGImages").
    """
    if wanted == 0:
        raise DataError("no images to score")
    if len(missing) > MAX_MISSING * wanted:
        raise DataError(
            f"{where}: {len(missing)} of {wanted} images are missing, such as {missing[0]!r} (at most "
            f"{MAX_MISSING:.0%} may be missing; an image's id is its file name without extension)"
        )


class _Finder:
    """Finds the truth's row for an id by the rules of ``find_rows``."""

    def __init__(self, truth: CountTable, numbers_first: bool) -> None:
        self._images = truth.images
        self._numbers_first = numbers_first
        numbers = [_clean(number) for number in truth.numbers or ()]
        cleaned = [_clean(image) for image in truth.images]
        self._by_image = _gather(zip(cleaned, range(len(cleaned)), strict=True))
        self._by_number = _gather(zip(numbers, range(len(numbers)), strict=True))
        self._folders = [_folders(image) for image in cleaned]
        self._by_name = _gather((name, row) for row, image in enumerate(cleaned) for name in _names(image))
        self._by_value = _gather(
            (value, row)
            for ids in (cleaned, numbers)
            for row, image in enumerate(ids)
            if "/" not in image and (value := _value(image)) is not None
        )

    def __call__(self, image: str) -> int | None:
        cleaned = _clean(image)
        number = _only(self._by_number.get(cleaned))
        if number is not None and self._numbers_first:
            return number
        row = _only(self._by_image.get(cleaned))
        if row is None:
            row = self._of_name(cleaned)
        if row is None:
            row = number
        return self._of_value(image, cleaned) if row is None else row

    def _of_name(self, image: str) -> int | None:
        """The row with the same file name; of several, the one whose folders match furthest from the end."""
        rows = next((rows for name in _names(image) if (rows := self._by_name.get(name))), None)
        if rows is None or len(rows) == 1:
            return _only(rows)
        folders = _folders(image)
        shared = {row: _common_end(self._folders[row], folders) for row in rows}
        return _only({row for row in rows if shared[row] == max(shared.values())})

    def _of_value(self, image: str, cleaned: str) -> int | None:
        """The row with the same whole number as its id."""
        value = _value(cleaned)
        rows = None if value is None else self._by_value.get(value)
        if rows is not None and len(rows) > 1:
            could_be = " or ".join(repr(self._images[row]) for row in sorted(rows)[:2])
            raise DataError(f"ambiguous image id {image!r}: it could be {could_be} of the truth")
        return _only(rows)


def _clean(image: str) -> str:
    """An id in normal form C, with "/" between folders and whole numbers written without decimals."""
    path = unicodedata.normalize("NFC", image).replace("\\", "/").strip()
    whole = _WHOLE.fullmatch(path)
    return whole[1] if whole else path


def _names(path: str) -> tuple[str, ...]:
    """The file name with and without its extension."""
    name = path.rpartition("/")[2]
    return tuple(dict.fromkeys((name, _ENDING.sub("", name))))


def _folders(path: str) -> list[str]:
    return [folder for folder in path.split("/")[:-1] if folder not in ("", ".")]


def _common_end(a: list[str], b: list[str]) -> int:
    """The number of equal folders, counted from the end."""
    pairs = zip(reversed(a), reversed(b), strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(a), len(b)))


def _value(path: str) -> str | None:
    """The number that a file name is, or ends in for COCO 2014's names; None for other names."""
    name = _names(path)[-1]
    coco = _COCO_NAME.fullmatch(name)
    digits = coco[1] if coco else name
    return (digits.lstrip("0") or "0") if digits.isascii() and digits.isdigit() else None


def _only(rows: set[int] | None) -> int | None:
    return next(iter(rows)) if rows is not None and len(rows) == 1 else None


def _gather(pairs: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    rows: dict[str, set[int]] = {}
    for name, row in pairs:
        rows.setdefault(name, set()).add(row)
    return rows
