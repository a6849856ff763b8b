"""Score a table of counts against the truth; the result is an object and results.json."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from counting.evaluation.intervals import metric_differences, metric_intervals
from counting.stats.bootstrap import Interval, PairedDifference
from counting.stats.metrics import CountMetrics, Floats, count_metrics
from counting.tables.count_table import CountTable
from counting.tables.join import check_missing, join

if TYPE_CHECKING:
    from counting.evaluation.distribution_scores import DistributionScores


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The scores of a counter on a split.

    ``truth`` and ``predicted`` contain the scored images, in the same order.
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

    def true_counts(self) -> Floats:
        """N×K true counts, NaN where they are not known."""
        known = self.truth.known
        return self.truth.counts if known is None else np.where(known, self.truth.counts, np.nan)

    def to_json(self) -> dict[str, Any]:
        """The content of results.json."""
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
    """Join ``predicted`` to ``truth`` by image and category, and score it; intervals use ``resamples``.

    Raises:
        DataError: a category or more than a tenth of the images is missing.
    """
    shared, theirs, missing = join(truth, predicted.in_categories(truth.categories))
    check_missing(missing, len(truth.images), counter)
    metrics = count_metrics(theirs.counts, shared.counts, truth.categories, rounded, shared.known)
    pair = theirs.counts, shared.counts
    intervals = metric_intervals(*pair, resamples, rounded=rounded, known=shared.known) if resamples else {}
    distribution = _distribution_scores(shared, theirs)
    return Evaluation(counter, data, split, protocol, rounded, shared, theirs, metrics, intervals, distribution)


def _distribution_scores(truth: CountTable, predicted: CountTable) -> "DistributionScores | None":
    if predicted.distribution is None:
        return None
    from counting.evaluation.distribution_scores import distribution_scores

    return distribution_scores(predicted.distribution, truth.counts, truth.known)


def compare(a: Evaluation, b: Evaluation, resamples: int) -> dict[str, PairedDifference]:
    """Every metric of ``a`` minus that of ``b`` on the images that both scored, with its paired interval."""
    scored_by_b = set(b.truth.images)
    images = [image for image in a.truth.images if image in scored_by_b]
    true, ours, theirs = (table.select(images) for table in (a.truth, a.predicted, b.predicted))
    rounded = a.rounded, b.rounded
    return metric_differences(
        ours.counts, theirs.counts, true.counts, resamples, rounded=rounded, known=true.known
    )
