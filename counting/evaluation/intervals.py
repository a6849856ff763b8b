"""Bootstrap intervals of count metrics, and of their differences between two counters."""

from numpy.typing import ArrayLike

from counting.stats.bootstrap import LEVEL, RESAMPLES, Interval, PairedDifference, bootstrap, paired
from counting.stats.metrics import (
    FIGURES,
    Flags,
    Floats,
    mean_over_categories,
    metric_terms,
    metrics_by_category,
    scored_pair,
)


def metric_intervals(
    predicted: ArrayLike,
    true: ArrayLike,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
    rounded: bool = True,
    known: Flags | None = None,
) -> dict[str, Interval]:
    """Percentile intervals of the six metrics, by name.

    ``predicted`` (raw) and ``true`` are N×K counts; only those flagged ``known`` are scored, by default all. Each
    resample draws N images with replacement.

    Raises:
        CountingError: ``resamples`` or ``level`` is out of range.
        DataError: the arrays differ in shape, are empty, or contain a count that cannot be scored.
    """
    terms = metric_terms(*scored_pair(predicted, true, rounded), known)
    found = bootstrap(terms, _means, resamples, seed, level)
    return dict(zip(FIGURES, found, strict=True))


def metric_differences(
    a: ArrayLike,
    b: ArrayLike,
    true: ArrayLike,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = LEVEL,
    rounded: tuple[bool, bool] = (True, True),
    known: Flags | None = None,
) -> dict[str, PairedDifference]:
    """The six metrics of counter ``a`` minus those of ``b``, by name; a negative error difference favours ``a``.

    ``a`` and ``b`` are raw counts, all three arrays N×K; ``rounded`` is given for a and for b. Raises the
    errors of ``metric_intervals``.
    """
    ours, theirs = (
        metric_terms(*scored_pair(counts, true, whole), known)
        for counts, whole in zip((a, b), rounded, strict=True)
    )
    found = paired((ours, theirs), _means, resamples, seed, level)
    return dict(zip(FIGURES, found, strict=True))


def _means(sums: Floats) -> Floats:
    """R×6 means over categories from R×8K sums of terms."""
    return mean_over_categories(metrics_by_category(sums))
