"""counting predict"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from counting.models.checkpoint import Checkpoint
from counting.models.inference import PhotoCounts, count_photos
from counting.models.zoo import BEST, find_counter
from counting.stats.best_guess import readable, things
from counting.stats.count_distribution import LEVEL
from counting.tables.count_table import CountTable
from counting.tables.table_files import write_table
from counting.tables.table_json import json_rows
from counting.utils.progress import report_skipped
from counting_datasets.errors import CountingError
from counting_datasets.photo_files import find_photos as photos_in

SHOWN_ROWS = 50


def run(arguments: argparse.Namespace) -> int:
    """Count in every photo; unreadable ones are reported and skipped."""
    paths = find_photos(arguments.photos)
    _refuse_twins(paths, arguments.out)
    checkpoint = find_counter(arguments.counter or BEST, arguments.device)
    skipped: dict[Path, str] = {}
    answers = _Answers(checkpoint, arguments.draw)
    for counted in count_photos(checkpoint.counter, paths, skipped):
        answers.add(counted)
    report_skipped(list(skipped.values()))
    if not answers.paths:
        raise CountingError("none of the photos could be read")
    table = answers.table()
    names = {path.stem: path.name for path in answers.paths}
    if arguments.out:
        write_table(table, arguments.out, names)
    if arguments.json:
        print(json.dumps(list(json_rows(table, names))))
    else:
        _print(answers, arguments)
    return 0


def find_photos(places: Sequence[str]) -> list[Path]:
    """Photos by path, in folders (and the folders in them) and by pattern, each once, in order.

    Raises:
        CountingError: a place that holds no photo.
    """
    found: dict[Path, None] = {}
    for place in places:
        of_place = list(_photos_of(place))
        if not of_place:
            raise CountingError(f"{place}: no photo there")
        found |= dict.fromkeys(of_place)
    return list(found)


def _photos_of(place: str) -> Iterator[Path]:
    path = Path(place).expanduser()
    if path.is_dir():
        return iter(photos_in(path))
    if path.exists() or not any(sign in place for sign in "*?["):
        return iter([path])
    base = Path(path.anchor) if path.is_absolute() else Path()
    pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else str(path)
    return iter(sorted(file for file in base.glob(pattern) if file.is_file()))


def _refuse_twins(paths: Sequence[Path], out: Path | None) -> None:
    """In a table a photo goes by its name without the ending, so no two may share it."""
    if out and out.suffix not in (".csv", ".json", ".parquet"):
        raise CountingError(f"--out {out}: end it in .csv, .json or .parquet")
    seen: dict[str, Path] = {}
    for path in paths:
        if path.stem in seen:
            raise CountingError(f"{seen[path.stem]} and {path} go by the same name: count them one at a time")
        seen[path.stem] = path


class _Answers:
    """The counts so far, drawn as they come: no photo stays in memory."""

    def __init__(self, checkpoint: Checkpoint, draw_to: Path | None) -> None:
        self.checkpoint = checkpoint
        self.categories = checkpoint.counter.categories
        self.draw_to = draw_to
        self.paths: list[Path] = []
        self.things: list[list[str]] = []
        self.cells: list[NDArray[np.float32]] = []

    def add(self, counted: PhotoCounts) -> None:
        self.paths.append(counted.path)
        self.cells.append(counted.cells)
        seen = things(self.checkpoint.guesses(counted.counts), self.categories)
        if len(self.things) < SHOWN_ROWS:
            self.things.append(seen)
        if self.draw_to:
            from counting.utils.drawing import draw_cells
            from counting.utils.files import atomic_write

            drawn = draw_cells(counted.photo, counted.cells, self.categories, seen)
            with atomic_write(self.draw_to / f"{counted.path.stem}.png") as temporary:
                drawn.save(temporary)

    def table(self) -> CountTable:
        cells = np.stack(self.cells)
        counts = cells.sum(axis=1, dtype=np.float64)
        calibration = self.checkpoint.calibration
        distribution = calibration.distribution(counts) if calibration else None
        images = tuple(path.stem for path in self.paths)
        return CountTable(images, self.categories, counts, cells, distribution=distribution)


def _print(answers: _Answers, arguments: argparse.Namespace) -> None:
    from rich.table import Table

    title = "objects" if answers.checkpoint.calibration is None else f"objects ({LEVEL:.0%} interval)"
    shown = Table("photo", title, box=None, header_style="bold")
    for path, seen in zip(answers.paths, answers.things, strict=False):
        shown.add_row(path.name, ", ".join(seen) or "nothing it knows")
    console = Console(highlight=False)
    console.print(shown)
    known = ", ".join(map(readable, answers.categories))
    console.print(f"counts {len(answers.categories)} things: {known}; nothing else", style="dim", markup=False)
    if len(answers.paths) > SHOWN_ROWS:
        rest = "" if arguments.out else ", write them with --out counts.csv"
        console.print(f"and {len(answers.paths) - SHOWN_ROWS} more photos{rest}")
    for written in filter(None, (arguments.out, arguments.draw)):
        console.print(f"wrote {written}", highlight=False, soft_wrap=True)
