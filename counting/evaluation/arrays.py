"""Scores of counts in memory: arrays, lists, tensors, data frames or count tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from counting.evaluation.intervals import metric_intervals
from counting.stats.bootstrap import Interval
from counting.stats.metrics import FIGURES, CountMetrics, Flags, count_metrics
from counting.tables.count_table import CountTable
from counting.tables.join import check_missing, join
from counting_datasets.errors import CountingError, DataError


@dataclass(frozen=True, repr=False)
class CountScores(CountMetrics):
    """The metrics of N images: means over K categories, and ``per_category`` values under the same names.

    Attributes:
        images: N.
        intervals: the 95 % bootstrap interval of each metric; empty unless requested.
    """

    images: int = 0
    intervals: Mapping[str, Interval] = field(default_factory=dict)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name):.3f}" for name in FIGURES)
        return f"CountScores({self.images:,} images, {len(self.per_category)} categories, {values})"

    def __str__(self) -> str:
        lines = [f"{self.images:,} images, {len(self.per_category)} categories"]
        for name in FIGURES:
            span = self.intervals.get(name)
            ends = f"  ({span.low:.3f}–{span.high:.3f})" if span else ""
            lines.append(f"{name:<12} {getattr(self, name):>7.3f}{ends}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """As in results.json: plain numbers, None for an undefined value."""
        spans = {name: span.to_json() for name, span in self.intervals.items()}
        return {"images": self.images, **super().to_json(), **({"intervals": spans} if spans else {})}


def evaluate(
    predicted: Any,
    true: Any,
    categories: Sequence[str] | None = None,
    bootstrap: int = 0,
    *,
    rounded: bool = True,
) -> CountScores:
    """Score predicted counts against true ones.

    Both may be N×K (images × categories) or, for one category, N: arrays, nested lists, tensors, data frames or
    count tables. Data frames are aligned by their column names and, unless it merely numbers the rows, by their
    index (or a column ``image``); count tables by their categories and images.

    Args:
        predicted: raw counts; they are clipped at 0 and, if ``rounded``, rounded half up.
        true: true counts, at least 0.
        categories: K names; by default those of the tables or data frames, else "0", "1", ….
        bootstrap: number of resamples for 95 % intervals; 0 for none.
        rounded: whether predicted counts are rounded before they are compared.

    Raises:
        DataError: shapes or names do not match, there are no images, a count is not finite, or a true count is
            negative.
        CountingError: ``bootstrap`` is negative or too large.

    Examples:
        >>> scores = evaluate([[1.2, 0.0], [2.6, 1.0]], [[1, 0], [2, 1]], categories=["dog", "cat"])
        >>> round(scores.mRMSE, 3), scores.per_category["cat"]["exact"]
        (0.354, 1.0)
    """
    if bootstrap < 0:
        raise CountingError(f"bootstrap={bootstrap}: the number of resamples must not be negative")
    ours, theirs = _named(predicted, "predicted"), _named(true, "true")
    names, p, c, known = _aligned(ours, theirs, categories)
    metrics = count_metrics(p, c, names, rounded, known)
    intervals = metric_intervals(p, c, bootstrap, rounded=rounded, known=known) if bootstrap else {}
    means = {name: getattr(metrics, name) for name in FIGURES}
    return CountScores(**means, per_category=metrics.per_category, images=len(c), intervals=intervals)


@dataclass(frozen=True, eq=False)
class _Named:
    """N×K counts, with the names of their columns and rows if any."""

    counts: Any
    categories: tuple[str, ...] | None = None
    images: tuple[str, ...] | None = None

    def table(self) -> CountTable | None:
        """The counts as a table; None unless rows and columns have names."""
        if self.categories is None or self.images is None:
            return None
        return CountTable(self.images, self.categories, self.counts)


def _named(counts: Any, which: str) -> _Named | CountTable:
    if isinstance(counts, CountTable):
        return counts
    if hasattr(counts, "detach"):
        counts = counts.detach().cpu().double().numpy()
    categories = images = None
    if hasattr(counts, "columns") and hasattr(counts, "to_numpy"):
        if "image" in counts.columns:
            counts = counts.set_index("image")
        categories = tuple(map(str, counts.columns))
    if hasattr(counts, "index") and hasattr(counts, "to_numpy"):
        if type(counts.index).__name__ != "RangeIndex":
            images = tuple(map(str, counts.index))
        counts = counts.to_numpy()
    try:
        array = np.asarray(counts, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{which} counts are not an array of numbers: {error}") from None
    if array.ndim not in (1, 2):
        raise DataError(
            f"{which} counts have shape {array.shape}: give images × categories, or one count per image"
        )
    return _Named(array[:, None] if array.ndim == 1 else array, categories, images)


def _aligned(
    predicted: _Named | CountTable, true: _Named | CountTable, categories: Sequence[str] | None
) -> tuple[Sequence[str], Any, Any, Flags | None]:
    """Names, counts of the same images and categories in the same order, and which true counts are known."""
    ours, theirs = (one if isinstance(one, CountTable) else one.table() for one in (predicted, true))
    if ours is not None and theirs is not None:
        names = tuple(categories or theirs.categories)
        truth, found, missing = join(theirs.in_categories(names), ours.in_categories(names))
        check_missing(missing, len(theirs.images), "predicted counts")
        return names, found.counts, truth.counts, truth.known
    names = tuple(categories or true.categories or predicted.categories or ())
    p, c = (_columns(one, names) for one in (predicted, true))
    known = true.known if isinstance(true, CountTable) else None
    return names or tuple(str(k) for k in range(c.shape[-1])), p, c, known


def _columns(one: _Named | CountTable, names: tuple[str, ...]) -> Any:
    """The counts with the columns in the order of ``names``, if the columns have names."""
    if one.categories is None or one.categories == names:
        return one.counts
    absent = next((name for name in names if name not in one.categories), None)
    if absent is not None:
        raise DataError(f"no counts of {absent!r}: the columns are {', '.join(one.categories)}")
    return one.counts[:, [one.categories.index(name) for name in names]]
