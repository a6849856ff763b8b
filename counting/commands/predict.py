"""counting predict"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from counting.commands.photo_arguments import file_names, find_photos, photo_ids
from counting.commands.region_arguments import regions_for, with_regions
from counting.commands.video_arguments import is_over_time
from counting.predictor.count_result import CountResult
from counting.predictor.predictor import Predictor, load
from counting.predictor.region_counts import RegionCounts
from counting.predictor.regions import Region
from counting.stats.best_guess import readable
from counting.stats.count_distribution import LEVEL
from counting.utils.files import atomic_write
from counting.utils.progress import console as standard_error
from counting.utils.progress import follow, report_skipped
from counting_datasets.errors import CountingError

SHOWN_ROWS = 50
"""Maximum number of photos in the printed table."""

ENDINGS = (".csv", ".json", ".parquet")


def run(arguments: argparse.Namespace) -> int:
    """Count the objects in every photo; report and skip unreadable photos."""
    if is_over_time(arguments):
        from counting.commands.predict_video import run as run_video

        return run_video(arguments)
    out: Path | None = arguments.out
    if out and out.suffix.lower() not in ENDINGS:
        raise CountingError(f"--out {out}: must end in .csv, .json or .parquet")
    found = find_photos(arguments.photos)
    names = file_names(found.paths)
    known = dict(zip(found.paths, map(Named, names, photo_ids(names)), strict=True))
    regions = regions_for(arguments)
    counter = load(arguments.counter, arguments.device, arguments.categories)
    skipped: list[str] = []
    counted = counter.stream(
        found.paths, on_error=lambda error: skipped.append(str(error)), workers=arguments.workers
    )
    try:
        shown = _write(follow(counted, "counting", len(found.paths)), known, counter, regions, arguments)
    finally:
        report_skipped(skipped)
        if note := found.note():
            standard_error.print(note, highlight=False, soft_wrap=True, markup=False)
    if not arguments.json:
        _print(shown, counter, arguments)
    return 0


@dataclass(frozen=True)
class Named:
    """The file name and the id of a photo in tables and files."""

    file_name: str
    id: str


@dataclass
class Shown:
    """The content of the printed table: the first photos with their counts in words, and the number of photos."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    photos: int = 0

    def add(self, name: str, result: CountResult, parts: Sequence[RegionCounts]) -> None:
        self.photos += 1
        if len(self.rows) < SHOWN_ROWS:
            self.rows.append((name, result.text))
            self.rows.extend((f"  {part.region}", part.text) for part in parts)


def _write(
    results: Iterator[CountResult],
    known: Mapping[Path, Named],
    counter: Predictor,
    regions: Sequence[Region],
    arguments: argparse.Namespace,
) -> Shown:
    """Write each result to the requested outputs as soon as it is counted; keep only counts in memory."""
    shown = Shown()
    out: Path | None = arguments.out
    ending = out.suffix.lower() if out else None
    table = Rows(counter, with_cells=ending == ".parquet") if ending in (".csv", ".parquet") else None
    with ExitStack() as files:
        rows = []
        if out and ending == ".json":
            temporary = files.enter_context(atomic_write(out))
            file = files.enter_context(temporary.open("w", encoding="utf-8", errors="backslashreplace"))
            rows.append(files.enter_context(JsonRows(file)))
        if arguments.json:
            rows.append(files.enter_context(JsonRows(sys.stdout)))
        for result in results:
            named = known[result.path] if result.path else Named(result.name, result.name)
            parts = result.in_regions(regions) if regions else []
            shown.add(named.file_name, result, parts)
            for writer in rows:
                writer.add(with_regions(result.to_rows(named.id, named.file_name), parts))
            if table:
                table.add(named.id, result)
            if arguments.draw:
                _draw(result, arguments.draw / f"{named.id}.png")
        if not shown.photos:
            raise CountingError("none of the photos could be read")
    if table and out:
        table.write(out)
    return shown


class JsonRows:
    """A JSON list that is written row by row."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._empty = True

    def __enter__(self) -> "JsonRows":
        return self

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Write ``rows`` at the end of the list."""
        for row in rows:
            self._file.write("[\n" if self._empty else ",\n")
            self._file.write(json.dumps(row, ensure_ascii=False))
            self._empty = False

    def __exit__(self, *error: object) -> None:
        if not self._empty:
            self._file.write("\n]\n")


class Rows:
    """The counts of all photos for a CSV or Parquet file, with their cells for Parquet."""

    def __init__(self, counter: Predictor, *, with_cells: bool) -> None:
        self._counter = counter
        self._with_cells = with_cells
        self._images: list[str] = []
        self._counts: list[NDArray[np.float64]] = []
        self._cells: list[NDArray[np.float32]] = []

    def add(self, image: str, result: CountResult) -> None:
        self._images.append(image)
        self._counts.append(result.cells.sum(axis=0, dtype=np.float64))
        if self._with_cells:
            self._cells.append(result.cells)

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        from counting.tables.count_table import CountTable
        from counting.tables.table_files import write_table

        counts = np.stack(self._counts)
        table = CountTable(
            tuple(self._images),
            self._counter.categories,
            counts,
            np.stack(self._cells) if self._cells else None,
            distribution=self._counter.distribution(counts) if self._with_cells else None,
        )
        write_table(table, path)


def _draw(result: CountResult, path: Path) -> None:
    with atomic_write(path) as temporary:
        result.draw().save(temporary)


def _print(shown: Shown, counter: Predictor, arguments: argparse.Namespace) -> None:
    from rich.table import Table

    table = Table("photo", f"objects ({LEVEL:.0%} interval)", box=None, header_style="bold")
    for name, things in shown.rows:
        table.add_row(name, things)
    output = Console(highlight=False, markup=False)
    output.print(table)
    if shown.photos > SHOWN_ROWS:
        rest = "" if arguments.out else "; write all with --out counts.csv"
        output.print(f"and {shown.photos - SHOWN_ROWS} more photos{rest}")
    known = ", ".join(map(readable, counter.categories))
    output.print(f"counts {len(counter.categories)} things: {known}; nothing else", style="dim")
    for written in filter(None, (arguments.out, arguments.draw)):
        output.print(f"wrote {written}", soft_wrap=True)
