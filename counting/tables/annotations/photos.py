"""Photos with their counts and located objects, from the JSON rows of `counting predict`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counting.tables.table_json import parse_json, whole_number
from counting_datasets.errors import DataError, PhotoError
from counting_datasets.photo import photo_size


@dataclass(frozen=True)
class Point:
    """A located object: its category, its centre in pixels, and the weight of the point."""

    category: str
    x: float
    y: float
    weight: float


@dataclass(frozen=True)
class LocatedPhoto:
    """A photo as an annotation tool needs it.

    Attributes:
        file_name: relative to the folder of the photos, with "/" between folders.
        path: the photo's file.
        size: (width, height) in pixels.
        counts: best guesses above 0, by category.
        points: of each category as many as its count, those with the largest weights.
    """

    file_name: str
    path: Path
    size: tuple[int, int]
    counts: Mapping[str, int]
    points: Sequence[Point]


@dataclass(frozen=True)
class LocatedPhotos:
    """All photos of a file, its categories, and the reasons for the photos that could not be read."""

    photos: Sequence[LocatedPhoto]
    categories: tuple[str, ...]
    skipped: tuple[str, ...]


def read_located(counts: Path, folder: Path) -> LocatedPhotos:
    """Read the JSON file ``counts`` of photos in ``folder``.

    Raises:
        DataError: the file is missing or malformed, has no points, or none of its photos is in ``folder``.
    """
    try:
        rows = parse_json(counts.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{counts}: no such file") from None
    except OSError as error:
        raise DataError(f"{counts}: cannot be read ({error.strerror})") from None
    except DataError as error:
        raise DataError(f"{counts}: {error}") from None
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{counts}: not a list of counts, as `counting predict --out counts.json` writes it")
    by_photo: dict[str, list[Mapping[str, Any]]] = {}
    for number, row in enumerate(rows, 1):
        by_photo.setdefault(_checked(row, f"{counts}: row {number}"), []).append(row)
    photos, skipped = [], []
    for name, of_photo in by_photo.items():
        try:
            photos.append(_located(name, of_photo, folder / name))
        except PhotoError as error:
            skipped.append(str(error))
    if not photos:
        raise DataError(f"{folder}: none of the photos can be read: {skipped[0]}")
    return LocatedPhotos(photos, tuple(dict.fromkeys(row["category"] for row in rows)), tuple(skipped))


def _checked(row: Any, where: str) -> str:
    """The row's file name.

    Raises:
        DataError: it is no row of counts, or has no points.
    """
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("file_name", "category")):
        raise DataError(f"{where}: not an object with `file_name`, `category`, `count` and `points`")
    count = whole_number(row.get("count"))
    if count is None or count < 0:
        raise DataError(f"{where}: `count` is {row.get('count')!r}, not a whole number")
    points = row.get("points")
    if points is None:
        raise DataError(f"{where}: no points; count with a counter that locates objects, or a detector")
    if not isinstance(points, list) or not all(map(_is_point, points)):
        raise DataError(f"{where}: `points` is not a list of [x, y, weight]")
    name: str = row["file_name"]
    return name.replace("\\", "/")


def _is_point(point: Any) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 3
        and all(type(value) in (int, float) and math.isfinite(value) for value in point)
    )


def _located(name: str, rows: Sequence[Mapping[str, Any]], path: Path) -> LocatedPhoto:
    counts = {row["category"]: int(row["count"]) for row in rows if row["count"] > 0}
    points = [
        Point(row["category"], *map(float, point)) for row in rows for point in row["points"][: int(row["count"])]
    ]
    return LocatedPhoto(name, path, photo_size(path), counts, points)
