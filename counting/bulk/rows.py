"""Rows: photos with their names, and their counts ready to be written to a file."""

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import tee
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from counting.inputs.photo_sources import PhotoSource
from counting.predictor.count_result import CountResult
from counting.predictor.predictor import Predictor
from counting.predictor.region_counts import RegionCounts
from counting.predictor.regions import Region
from counting.tables.count_table import CountTable
from counting.utils.files import atomic_write
from counting_datasets.errors import CountingError, PhotoError


@dataclass(frozen=True, eq=False)
class NamedPhoto:
    """A photo and its names in files.

    Attributes:
        source: the photo.
        file_name: its path relative to the common folder of all photos.
        image: its id, the file name without its ending where that is unique.
    """

    source: PhotoSource
    file_name: str
    image: str


@dataclass(frozen=True, eq=False)
class Contents:
    """What workers produce from each result besides its counts.

    Attributes:
        json: whether rows have JSON.
        regions: regions whose counts are added to the text and the JSON.
        draw: a folder for drawings of the photos with their counts, ``IMAGE.png``.
    """

    json: bool = False
    regions: tuple[Region, ...] = ()
    draw: Path | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """The counts of one photo, or the reason why it could not be counted.

    Attributes:
        image: the photo's id.
        file_name: its path relative to the common folder of all photos.
        text: the counts in words; empty for an error.
        regions: name of each region, and its counts in words.
        json: its JSON objects, one a line, separated by commas; empty without ``Contents.json``.
        error: why it could not be counted; empty if it was.
        table: its counts, cells and distribution, a table of one row; None for an error.
    """

    image: str
    file_name: str
    text: str = ""
    regions: tuple[tuple[str, str], ...] = ()
    json: str = ""
    error: str = ""
    table: CountTable | None = None

    @classmethod
    def of(cls, photo: NamedPhoto, result: CountResult, contents: Contents) -> "Row":
        """The row of a counted photo."""
        parts = result.in_regions(contents.regions) if contents.regions else []
        return cls(
            photo.image,
            photo.file_name,
            text=result.text,
            regions=tuple((part.region, part.text) for part in parts),
            json=_json(with_regions(result.to_rows(photo.image, photo.file_name), parts)) if contents.json else "",
            table=result.to_table(photo.image),
        )

    @classmethod
    def failed(cls, photo: NamedPhoto, error: str) -> "Row":
        """The row of a photo that could not be counted."""
        said = _json([{"file_name": photo.file_name, "error": error}])
        return cls(photo.image, photo.file_name, json=said, error=error)

    def numbers(self, name: Literal["counts", "cells", "distribution"]) -> NDArray[Any] | None:
        """An array of its table, flattened; None if there is none."""
        numbers = None if self.table is None else getattr(self.table, name)
        return None if numbers is None else numbers.ravel()


def _json(objects: list[dict[str, Any]]) -> str:
    return ",\n".join(json.dumps(one, ensure_ascii=False) for one in objects)


def with_regions(rows: list[dict[str, Any]], parts: Sequence[RegionCounts]) -> list[dict[str, Any]]:
    """A photo's JSON rows, one per category, each with a list ``regions`` of the category's counts in them."""
    if not parts:
        return rows
    said = [(part.region, part.to_dict()["rows"]) for part in parts]
    return [
        {**row, "regions": [{"region": name, **_without_category(of_region[k])} for name, of_region in said]}
        for k, row in enumerate(rows)
    ]


def _without_category(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "category"}


def count_rows(
    counter: Predictor, photos: Iterable[NamedPhoto], contents: Contents, workers: int | None = None
) -> Generator[Row]:
    """The row of each photo, in order; at most a few photos are in memory.

    Args:
        counter: counts the photos.
        photos: the photos.
        contents: what is made of the results.
        workers: number of threads, as for ``Predictor.stream``.
    """
    here, there = tee(photos)
    counted = _with_errors(counter, (photo.source for photo in there), workers)
    for photo, result in zip(here, counted, strict=True):
        if isinstance(result, PhotoError):
            yield Row.failed(photo, str(result).removeprefix(f"{photo.source.path or photo.source.name}: "))
            continue
        if contents.draw:
            with atomic_write(contents.draw / f"{photo.image}.png") as temporary:
                result.draw().save(temporary)
        yield Row.of(photo, result, contents)


def count_batch(counter: Predictor, photos: Sequence[NamedPhoto], contents: Contents) -> list[Row]:
    """The rows of a few photos, without threads; whatever goes wrong in counting a photo is its row's error.

    Raises:
        CountingError: a drawing cannot be written.
    """
    try:
        return list(count_rows(counter, photos, contents, 1))
    except CountingError:
        raise
    except Exception as error:
        if len(photos) > 1:
            return [row for photo in photos for row in count_batch(counter, [photo], contents)]
        reason = next(iter(str(error).splitlines()), "")
        return [Row.failed(photos[0], f"{type(error).__name__}: {reason}")]


def _with_errors(
    counter: Predictor, sources: Iterator[PhotoSource], workers: int | None
) -> Iterator[CountResult | PhotoError]:
    """Each photo's result or error, in order."""
    errors: list[PhotoError] = []
    for result in counter.stream(sources, on_error=errors.append, workers=workers):
        yield from errors
        errors.clear()
        yield result
    yield from errors
