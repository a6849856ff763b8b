"""Counters that never look at the photo: what any real counter must beat. (CEOS.)"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from counting.stats.metrics import Floats
from counting.tables.count_table import CountTable
from counting_datasets.errors import CountingError


@dataclass(frozen=True)
class Baseline:
    """A rule that gives counts from the truth's shape, and perhaps from training counts.

    Attributes:
        name: as on the command line.
        rounded: whether its counts are rounded before they are scored.
        learns: whether it needs training counts.
        rule: (true N×K, train M×K or none at all) → N×K or what broadcasts to it.
    """

    name: str
    rounded: bool
    learns: bool
    rule: Callable[[Floats, Floats], Floats]

    def predict(self, truth: CountTable, train: CountTable | None = None) -> CountTable:
        """The baseline's counts for the images of ``truth``, in its categories.

        Raises:
            CountingError: it learns and there are no training counts.
            DataError: ``train`` lacks a category of ``truth``.
        """
        learned_from = np.empty((0, len(truth.categories)))
        if self.learns:
            if train is None or not train.images:
                raise CountingError(f"{self.name} learns from training counts: name them with --train-truth FILE")
            learned_from = train.in_categories(truth.categories).counts
        counts = np.array(np.broadcast_to(self.rule(truth.counts, learned_from), truth.counts.shape))
        return CountTable(truth.images, truth.categories, counts)


def _constant(count: float) -> Callable[[Floats, Floats], Floats]:
    return lambda true, train: np.array(count)


def _mean(true: Floats, train: Floats) -> Floats:
    return np.asarray(np.mean(train))


def _category_mean(true: Floats, train: Floats) -> Floats:
    return np.asarray(np.mean(train, axis=0))


def _presence_oracle(true: Floats, train: Floats) -> Floats:
    """A category that training never shows counts 0."""
    occurs = np.count_nonzero(train, axis=0)
    return np.asarray((true > 0) * (train.sum(axis=0) / np.maximum(occurs, 1)))


BASELINES: Mapping[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Baseline("always-0", rounded=True, learns=False, rule=_constant(0.0)),
        Baseline("always-1", rounded=True, learns=False, rule=_constant(1.0)),
        Baseline("mean", rounded=False, learns=True, rule=_mean),
        Baseline("category-mean", rounded=False, learns=True, rule=_category_mean),
        Baseline("presence-oracle", rounded=False, learns=True, rule=_presence_oracle),
    )
}
