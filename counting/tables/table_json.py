"""CountTables as JSON: a list with one row per image and category, for programs in any language."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from counting.stats.metrics import round_half_up
from counting.tables.count_table import CountTable
from counting_datasets.errors import DataError

_TAIL = 1e-4
"""Largest total probability of the large counts that a row omits."""

_DECIMALS = 6
"""Number of decimals of a written probability."""


@dataclass
class _JsonRow:
    """A validated row."""

    image: str
    number: str | None
    category: str
    category_id: int | None
    count: float
    cells: NDArray[np.float32] | None
    distribution: NDArray[np.float32] | None


def read_json(path: Path) -> CountTable:
    """Read the rows that ``write_json`` writes; ``image_id`` or ``file_name``, and ``count_raw``, are optional.

    An empty list is a table without images and categories. Photos that could not be counted, objects with an
    ``error`` instead of a count, are skipped.

    Raises:
        DataError: a row is malformed; names it.
    """
    listed = parse_json(path.read_bytes())
    if not isinstance(listed, list):
        raise DataError("not a list of one object for each image and category")
    rows = []
    for number, row in enumerate(listed, 1):
        if _is_error(row):
            continue
        try:
            rows.append(_json_row(row))
        except DataError as error:
            raise DataError(f"row {number}: {error}") from None
    return _from_json_rows(rows)


def parse_json(content: bytes) -> Any:
    """The value of a JSON file in UTF-8, UTF-16 or UTF-32.

    Raises:
        DataError: the file is not JSON.
    """
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise DataError(f"line {error.lineno}: not JSON ({error.msg})") from None
    except UnicodeDecodeError:
        raise DataError("not text in UTF-8 or UTF-16") from None
    except (RecursionError, ValueError):
        raise DataError("JSON nested too deeply, or with a number that is too long") from None


def whole_number(value: Any) -> int | None:
    """``value`` as an int if it is a whole number, such as 1 or 1.0; else None."""
    if type(value) is int:
        return value
    return int(value) if type(value) is float and value.is_integer() else None


def _is_error(row: Any) -> bool:
    """Whether ``row`` says why a photo could not be counted."""
    return isinstance(row, dict) and isinstance(row.get("error"), str) and "category" not in row


def _json_row(row: Any) -> _JsonRow:
    if not isinstance(row, dict) or not isinstance(row.get("category"), str):
        raise DataError("not an object with `image_id` or `file_name`, `category` and `count`")
    number, name = row.get("image_id"), row.get("file_name")
    whole = whole_number(number)
    if whole is not None:
        number = str(whole)
    if not (isinstance(name, str) or isinstance(number, str)):
        raise DataError("needs `image_id` (a whole number or text) or `file_name`")
    place = whole_number(row.get("category_id"))
    if place is None and row.get("category_id") is not None:
        raise DataError(f"`category_id` is {row['category_id']!r}, not a whole number")
    return _JsonRow(
        image=_image(number, name),
        number=number if isinstance(number, str) else None,
        category=row["category"],
        category_id=place,
        count=_json_count(row),
        cells=None if row.get("cells") is None else _json_cells(row["cells"]),
        distribution=None if row.get("distribution") is None else _json_distribution(row["distribution"]),
    )


def _image(number: Any, name: Any) -> str:
    """The image's id in the table: ``image_id`` if it ends the path, else the path without extension."""
    if not isinstance(name, str):
        return str(number)
    path = PurePosixPath(name.replace("\\", "/"))
    without_ending = str(path.with_suffix("")) if path.name else name
    if isinstance(number, str) and (number == without_ending or without_ending.endswith(f"/{number}")):
        return number
    written_as_number = is_digits(path.stem) and path.stem.lstrip("0") == str(number).lstrip("0")
    return path.stem if written_as_number else without_ending


def _json_count(row: dict[str, Any]) -> float:
    key = "count_raw" if "count_raw" in row else "count"
    count = row.get(key)
    try:
        number = float(count) if isinstance(count, int | float) and not isinstance(count, bool) else math.nan
    except OverflowError:  # an integer beyond the largest float
        number = math.inf
    if not math.isfinite(number):
        raise DataError(f"`{key}` is {str(count)[:40]}, not a finite number")
    return number


def _json_cells(listed: Any) -> NDArray[np.float32]:
    """The g² counts of a g×g list of lists, row by row."""
    try:
        cells = np.array(listed, dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        cells = np.empty(0, dtype=np.float32)
    if cells.ndim != 2 or cells.shape[0] != cells.shape[1] or cells.size == 0:
        raise DataError("`cells` is not a square list of lists of numbers")
    return cells.ravel()


def _json_distribution(listed: Any) -> NDArray[np.float32]:
    """The probabilities of 0, 1, 2, …."""
    try:
        probabilities = np.array(listed, dtype=np.float32)
    except (ValueError, TypeError, OverflowError):
        probabilities = np.empty(0, dtype=np.float32)
    if probabilities.ndim != 1 or probabilities.size == 0:
        raise DataError("`distribution` is not a list of numbers")
    return probabilities


def _from_json_rows(rows: list[_JsonRow]) -> CountTable:
    images = {image: place for place, image in enumerate(dict.fromkeys(row.image for row in rows))}
    categories = {name: place for place, name in enumerate(_json_categories(rows))}
    sizes = {0 if row.cells is None else len(row.cells) for row in rows}
    if len(sizes) > 1:
        raise DataError("either all rows must have `cells` of the same grid, or none")
    cells_per_image = max(sizes, default=0)
    longest = max((0 if row.distribution is None else len(row.distribution) for row in rows), default=0)
    if longest and any(row.distribution is None for row in rows):
        raise DataError("either all rows must have a `distribution`, or none")
    distribution = np.zeros((len(images), len(categories), longest), dtype=np.float32)
    counts = np.full((len(images), len(categories)), np.nan)
    cells = np.empty((len(images), cells_per_image, len(categories)), dtype=np.float32)
    for number, row in enumerate(rows, 1):
        i, k = images[row.image], categories[row.category]
        if not np.isnan(counts[i, k]):
            raise DataError(f"row {number}: duplicate count of {row.category!r} for image {row.image!r}")
        counts[i, k] = row.count
        if row.cells is not None:
            cells[i, :, k] = row.cells
        if row.distribution is not None:
            distribution[i, k, : len(row.distribution)] = row.distribution
    numbers = {row.image: row.number for row in rows if row.number is not None}
    return CountTable.from_rows(
        list(images),
        list(categories),
        counts,
        cells if cells_per_image else None,
        tuple(numbers[image] for image in images) if rows and len(numbers) == len(images) else None,
        distribution if longest else None,
    )


def _json_categories(rows: list[_JsonRow]) -> list[str]:
    """The categories in the order of their ids if every row has one, else of first appearance."""
    pairs = dict.fromkeys((row.category_id, row.category) for row in rows)
    ids = [place for place, _ in pairs if place is not None]
    names = list(dict.fromkeys(name for _, name in pairs))
    if len(ids) < len(pairs):
        return names
    if len(set(ids)) < len(pairs) or len(names) < len(pairs):
        raise DataError("a category has two values of `category_id`, or two categories share one")
    return [name for _, name in sorted((place, name) for place, name in pairs if place is not None)]


def is_digits(name: str) -> bool:
    """Whether ``name`` consists of the digits 0–9."""
    return name.isascii() and name.isdigit()


def write_json(table: CountTable, file: TextIO, file_names: Mapping[str, str]) -> None:
    """Write ``json_rows`` as a list, one per line."""
    file.write("[")
    for number, row in enumerate(json_rows(table, file_names)):
        file.write((",\n" if number else "\n") + json.dumps(row, ensure_ascii=False))
    file.write("\n]\n")


def json_rows(table: CountTable, file_names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """One object per image and category, in the table's order; ``file_names`` as for ``write_table``."""
    for i, image in enumerate(table.images):
        whole = round_half_up(table.counts[i])
        grids, spread = _square(table, i), _spread(table, i)
        for k, category in enumerate(table.categories):
            row = {
                "image_id": int(image) if is_digits(image) else image,
                "file_name": file_names.get(image, f"{image}.jpg"),
                "category_id": k + 1,
                "category": category,
                "count": int(whole[k]),
                "count_raw": float(table.counts[i, k]),
            }
            cells = {} if grids is None else {"cells": grids[k].tolist()}
            yield row | (spread[k] if spread else {}) | cells


def _spread(table: CountTable, image: int) -> list[dict[str, Any]]:
    """Interval, probability of at least one and distribution of each count of an image; empty if unknown."""
    if table.distribution is None:
        return []
    from counting.stats.count_distribution import LEVEL, intervals

    low, high = intervals(table.distribution[image], LEVEL)
    return [
        {
            "interval": {"level": LEVEL, "low": int(first), "high": int(last)},
            "probability": round(1 - float(probabilities[0]), 6),
            "distribution": _without_tail(probabilities),
        }
        for first, last, probabilities in zip(low, high, table.distribution[image], strict=True)
    ]


def _without_tail(probabilities: NDArray[np.float32]) -> list[float]:
    """Rounded probabilities, without the largest counts if their total probability is at most ``_TAIL``.

    The last entry includes the omitted probabilities, so the list sums to 1.
    """
    scaled = probabilities.astype(np.float64) / probabilities.sum(dtype=np.float64)
    cumulative = scaled.cumsum()
    last = int(np.argmax(cumulative >= cumulative[-1] - _TAIL))
    ends = np.append(cumulative[:last].round(_DECIMALS), 1)
    return [round(p, _DECIMALS) for p in np.diff(ends, prepend=0).tolist()]


def _square(table: CountTable, image: int) -> NDArray[np.float64] | None:
    """K×g×g cell counts of an image; None if there are none or they do not form a square."""
    if table.cells is None or math.isqrt(table.cells.shape[1]) ** 2 != table.cells.shape[1]:
        return None
    side = math.isqrt(table.cells.shape[1])
    shortest_decimals = table.cells[image].T.astype(str).astype(np.float64)
    return np.asarray(shortest_decimals.reshape(-1, side, side))
