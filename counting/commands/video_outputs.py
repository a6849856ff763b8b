"""What `counting predict --every` writes: rows as CSV and JSON, a plot, and a summary in words."""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from rich.console import Console
from rich.table import Table

from counting.predictor.over_time import Moment
from counting.stats.best_guess import noun
from counting.stats.count_distribution import LEVEL
from counting.utils.clock import clock
from counting.utils.files import atomic_write

OUT_ENDINGS = (".csv", ".json")
PLOT_ENDINGS = (".png", ".svg", ".pdf")

COLUMNS = (
    "seconds", "category", "count", "low", "high", "expected", "probability",
    "frame_count", "frame_low", "frame_high",
)  # fmt: skip
"""Columns of the CSV file. The last three are of the frame by itself, the others are smoothed over time."""

MAX_POINTS = 1000
"""Largest number of points of a plotted line; of longer videos, consecutive frames are averaged."""

Add = Callable[[Moment], None]


def open_outputs(out: Path | None, to_standard_output: bool, contexts: ExitStack) -> list[Add]:
    """Functions that write the counts of a moment to the file ``out``, and as JSON to standard output."""
    outputs: list[Add] = []
    if out:
        temporary = contexts.enter_context(atomic_write(out))
        file = contexts.enter_context(temporary.open("w", encoding="utf-8", newline=""))
        outputs.append(_csv_writer(file) if out.suffix.lower() == ".csv" else _json_writer(file, contexts))
    if to_standard_output:
        outputs.append(_json_writer(sys.stdout, contexts))
    return outputs


def _rows(moment: Moment) -> Iterator[tuple[Any, ...]]:
    """The values of ``COLUMNS`` for each category."""
    assert moment.alone is not None
    for (category, guess), alone in zip(moment.guesses.items(), moment.alone.tolist(), strict=True):
        assert guess.probability is not None
        yield (
            round(moment.seconds, 3),
            category,
            guess.count,
            guess.low,
            guess.high,
            round(guess.expected, 4),
            round(guess.probability, 4),
            *alone,
        )


def _csv_writer(file: TextIO) -> Add:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    return lambda moment: writer.writerows(_rows(moment))


def _json_writer(file: TextIO, contexts: ExitStack) -> Add:
    """A list with an object per line; closed when ``contexts`` are."""
    separators = iter(("[\n",))
    contexts.callback(lambda: file.write("\n]\n"))

    def add(moment: Moment) -> None:
        for row in _rows(moment):
            value = dict(zip(COLUMNS, row, strict=True))
            file.write(next(separators, ",\n") + json.dumps(_nested(value), ensure_ascii=False))

    return add


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """A row with intervals as objects, as in the JSON of photos."""
    plain = {name: row[name] for name in ("seconds", "category", "count", "expected", "probability")}
    interval = {"level": LEVEL, "low": row["low"], "high": row["high"]}
    frame = {name: row[f"frame_{name}"] for name in ("count", "low", "high")}
    return plain | {"interval": interval, "frame": frame}


class Summary:
    """The counts of a video in the few numbers that a table and a plot need."""

    def __init__(self, categories: Sequence[str], frames: int) -> None:
        self._categories = categories
        self._frames_per_point = max(1, -(-frames // MAX_POINTS))
        points = -(-frames // self._frames_per_point)
        self._sums = np.zeros((points, len(categories), 3))  # expected, low and high
        self._seconds = np.zeros(points)
        self._frames = np.zeros(points, dtype=np.int64)
        self._peaks = [(-1, 0.0)] * len(categories)
        self._shown = np.zeros(len(categories), dtype=bool)
        self._last = 0.0

    def add(self, moment: Moment) -> None:
        """Add the counts of the next frame."""
        point = int(self._frames.sum()) // self._frames_per_point
        guesses = list(moment.guesses.values())
        self._sums[point] += [(guess.expected, guess.low or 0, guess.high or 0) for guess in guesses]
        self._seconds[point] += moment.seconds
        self._frames[point] += 1
        self._last = moment.seconds
        for k, guess in enumerate(guesses):
            if guess.shown:
                self._shown[k] = True
                self._peaks[k] = max(self._peaks[k], (guess.count, moment.seconds), key=lambda peak: peak[0])

    def plot(self, path: Path, title: str) -> None:
        """Plot the categories that are there at any time, the most numerous first."""
        from counting.report.plots import LIGHT, save
        from counting.report.timeline import Timeline, timelines_figure

        means = self._sums / self._frames[:, None, None]
        seconds = self._seconds / self._frames
        timelines = [Timeline(self._categories[k], seconds, *means[:, k].T) for k in self._order()]
        save(timelines_figure(title, timelines, LIGHT), path)

    def print(self, video: str) -> None:
        """Print the mean and the largest count of each category that is there at any time."""
        table = Table("category", "mean", "most", "at", box=None, header_style="bold")
        means = self._sums[..., 0].sum(axis=0) / self._frames.sum()
        for k in self._order():
            most, second = self._peaks[k]
            table.add_row(noun(self._categories[k], 2), f"{means[k]:.1f}", str(most), clock(second))
        output = Console(highlight=False, markup=False)
        output.print(f"{video}: {self._frames.sum():,} frames, {clock(self._last)}", soft_wrap=True)
        output.print(table if table.rows else "no known objects")

    def _order(self) -> list[int]:
        means = self._sums[..., 0].sum(axis=0)
        return sorted(np.flatnonzero(self._shown).tolist(), key=lambda k: -means[k])
