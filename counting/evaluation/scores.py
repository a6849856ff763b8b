"""Score counts against the truth: one result, as an object, a table and results.json."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table

from counting.evaluation.intervals import metric_differences, metric_intervals
from counting.stats.bootstrap import Interval, PairedDifference
from counting.stats.metrics import FIGURES, CountMetrics, count_metrics
from counting.tables.count_table import CountTable
from counting.tables.join import check_missing, join

if TYPE_CHECKING:
    from counting.evaluation.distribution_scores import DistributionScores


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a counter did on a split.

    ``truth`` and ``predicted`` hold the images that were scored, row for row.
    """

    counter: str
    data: str
    split: str
    protocol: str
    rounded: bool
    truth: CountTable
    predicted: CountTable
    metrics: CountMetrics
    intervals: dict[str, Interval] = field(default_factory=dict)
    distribution: "DistributionScores | None" = None

    def to_json(self) -> dict[str, Any]:
        """results.json."""
        head = {
            "counter": self.counter,
            "data": self.data,
            "split": self.split,
            "protocol": self.protocol,
            "images": len(self.truth.images),
            "rounded": self.rounded,
        }
        intervals = {name: interval.to_json() for name, interval in self.intervals.items()}
        extra: dict[str, Any] = {"intervals": intervals} if intervals else {}
        if self.distribution:
            extra["distribution"] = self.distribution.to_json()
        return {**head, **self.metrics.to_json(), **extra}

    def to_table(self) -> Table:
        """The summary, for a terminal."""
        scored = f"{len(self.truth.images):,} images, protocol {self.protocol}"
        title = f"{self.counter} on {self.data} {self.split}, {scored}"
        table = Table(title=title + ("" if self.rounded else ", not rounded"), title_justify="left")
        for name in FIGURES:
            table.add_column(name.replace("_", "-"), justify="right")
        table.add_row(*(f"{getattr(self.metrics, name):.3f}" for name in FIGURES))
        if self.intervals:
            spans = (self.intervals[name] for name in FIGURES)
            table.add_row(*(f"{span.low:.3f}–{span.high:.3f}" for span in spans), style="dim")
        if self.distribution:
            table.caption = _coverage_line(self.distribution)
            table.caption_justify = "left"
        return table


def _coverage_line(scores: "DistributionScores") -> str:
    coverage = ", ".join(
        f"{one.level:.0%}: {one.randomized:.1%} ({one.plain:.1%} of all, {one.occurring:.1%} of those above 0)"
        for one in scores.coverage
    )
    ranked = scores.ranked_probability_score
    return f"intervals hold {coverage}; log score {scores.log_score:.3f}, ranked probability score {ranked:.3f}"


def evaluate(
    predicted: CountTable,
    truth: CountTable,
    *,
    counter: str,
    data: str,
    split: str,
    protocol: str,
    rounded: bool = True,
    resamples: int = 0,
) -> Evaluation:
    """Join ``predicted`` to ``truth``, in the truth's categories, and score it; intervals from ``resamples``.

    Raises:
        DataError: a category is missing, or more than a tenth of the images.
    """
    shared, theirs, missing = join(truth, predicted.in_categories(truth.categories))
    check_missing(missing, len(truth.images), counter)
    metrics = count_metrics(theirs.counts, shared.counts, truth.categories, rounded, shared.known)
    pair = theirs.counts, shared.counts
    intervals = metric_intervals(*pair, resamples, rounded=rounded, known=shared.known) if resamples else {}
    sure = _distribution_scores(shared, theirs)
    return Evaluation(counter, data, split, protocol, rounded, shared, theirs, metrics, intervals, sure)


def _distribution_scores(truth: CountTable, predicted: CountTable) -> "DistributionScores | None":
    if predicted.distribution is None:
        return None
    from counting.evaluation.distribution_scores import distribution_scores

    return distribution_scores(predicted.distribution, truth.counts, truth.known)


def compare(a: Evaluation, b: Evaluation, resamples: int) -> dict[str, PairedDifference]:
    """Every figure of ``a`` minus that of ``b``, on the images both scored, with its paired interval."""
    scored_by_b = set(b.truth.images)
    images = [image for image in a.truth.images if image in scored_by_b]
    true, ours, theirs = (table.select(images) for table in (a.truth, a.predicted, b.predicted))
    rounded = a.rounded, b.rounded
    return metric_differences(
        ours.counts, theirs.counts, true.counts, resamples, rounded=rounded, known=true.known
    )


def comparison_table(a: str, b: str, differences: dict[str, PairedDifference]) -> Table:
    """The differences, for a terminal; a star where the interval leaves out 0."""
    table = Table(title=f"{a} minus {b}, paired, 95 % intervals", title_justify="left")
    for name in FIGURES:
        table.add_column(name.replace("_", "-"), justify="right")
    table.add_row(
        *(f"{differences[name].difference:+.3f}{'*' * differences[name].significant}" for name in FIGURES)
    )
    spans = (differences[name].interval for name in FIGURES)
    table.add_row(*(f"{span.low:+.3f} to {span.high:+.3f}" for span in spans), style="dim")
    return table
