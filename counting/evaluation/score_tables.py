"""Scores as tables that fit a terminal of 80 columns, with explanations below."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from counting.evaluation.scores import Evaluation
from counting.stats.bootstrap import Interval, PairedDifference
from counting.stats.metrics import FIGURES

if TYPE_CHECKING:
    from counting.evaluation.distribution_scores import DistributionScores

_FILES = (".csv", ".parquet", ".json", ".npz")

_METRICS = """\
mRMSE: root mean square error of the count, mean over categories (lower is
better); m-relRMSE: the same with errors divided by √(true count + 1);
nz: only images with the category; mae: mean absolute error;
exact: share of counts that are exactly right (higher is better)"""


def score_table(evaluation: Evaluation) -> RenderableType:
    """The metrics of a counter, one per row, with their intervals if any."""
    table = _table("metric", "value", *(["95% interval"] if evaluation.intervals else []))
    for name in FIGURES:
        span = evaluation.intervals.get(name)
        table.add_row(_shown(name), f"{getattr(evaluation.metrics, name):.3f}", *([_span(span)] if span else []))
    return Group(_heading(_title(evaluation)), table, *_coverage(evaluation.distribution), _note(_METRICS))


def comparison_table(a: Evaluation, b: Evaluation, differences: Mapping[str, PairedDifference]) -> RenderableType:
    """The metrics of two counters, and their differences on the images that both counted."""
    table = _table("metric", "A", "B", "A minus B", "95% interval")
    for name in FIGURES:
        one = differences[name]
        table.add_row(
            _shown(name),
            *(f"{getattr(scores.metrics, name):.3f}" for scores in (a, b)),
            f"{one.difference:+.3f}{'*' if one.significant else ' '}",
            _span(one.interval, "+.3f", " to "),
        )
    level = next(iter(differences.values())).interval.level
    return Group(
        _heading(f"A: {_title(a)}"),
        _heading(f"B: {_title(b)}"),
        table,
        _note(f"* the {level:.0%} interval of the difference, on the images that both counted, excludes 0"),
        *_coverage(a.distribution),
        _note(_METRICS),
    )


def category_table(evaluation: Evaluation) -> RenderableType:
    """The metrics of each category, one per row."""
    table = _table("category", "images", "objects", "RMSE", "RMSE-nz", "mae", "exact")
    for category, true in zip(evaluation.truth.categories, evaluation.true_counts().T, strict=True):
        metrics = evaluation.metrics.per_category[category]
        values = (f"{metrics[name]:.3f}" for name in ("mRMSE", "mRMSE_nz", "mae", "exact"))
        table.add_row(Text(category), f"{(true > 0).sum():,}", f"{np.nansum(true):,.0f}", *values)
    return Group(
        _heading(f"By category: {evaluation.counter}"), table, _note("images: number of images with the category")
    )


def coverage_lines(scores: "DistributionScores") -> Iterator[str]:
    """The coverage of intervals and the proper scores, in words."""
    for one in scores.coverage:
        above = "" if np.isnan(one.occurring) else f" and {one.occurring:.1%} of those above 0"
        yield (
            f"{one.level:.0%} intervals contain {one.plain:.1%} of the true counts{above};"
            f" corrected for whole counts, {one.randomized:.1%} (ideal: {one.level:.0%})"
        )
    yield (
        f"log score {scores.log_score:.3f}, ranked probability score {scores.ranked_probability_score:.3f}"
        " (lower is better)"
    )


def _coverage(scores: "DistributionScores | None") -> Iterator[RenderableType]:
    if scores is not None:
        yield from (Text(line) for line in coverage_lines(scores))


def _title(evaluation: Evaluation) -> str:
    file = evaluation.data.partition(":")[0]
    split = "" if Path(file).suffix in _FILES else f" {evaluation.split}"
    scored = f"{len(evaluation.truth.images):,} images, protocol {evaluation.protocol}"
    whole = "" if evaluation.rounded else ", not rounded"
    return f"{evaluation.counter} on {evaluation.data}{split}: {scored}{whole}"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _heading(text: str) -> Text:
    return Text(text, style="bold", overflow="fold")


def _note(text: str) -> Text:
    return Text(text, style="dim")


def _shown(name: str) -> str:
    return name.replace("_", "-")


def _span(interval: Interval, form: str = ".3f", between: str = "–") -> str:
    return f"{interval.low:{form}}{between}{interval.high:{form}}"
