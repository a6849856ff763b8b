"""Baselines: counts without looking at the photo (CEOS)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from counting.stats.metrics import Floats
from counting.tables.count_table import CountTable
from counting_datasets.errors import CountingError


@dataclass(frozen=True)
class Baseline:
    """A counter that needs only true counts.

    Attributes:
        name: as on the command line.
        rounded: whether its counts are rounded before they are scored.
        needs_training: whether it needs the counts of the training split.
        rule: (true N×K, training M×K; M is 0 where none are needed) → N×K, or an array that broadcasts to it.
    """

    name: str
    rounded: bool
    needs_training: bool
    rule: Callable[[Floats, Floats], Floats]

    def predict(self, truth: CountTable, train: CountTable | None = None) -> CountTable:
        """The baseline's counts for the images of ``truth``, in its categories.

        Raises:
            CountingError: it needs training counts and there are none.
            DataError: ``train`` lacks a category of ``truth``.
        """
        training = np.empty((0, len(truth.categories)))
        if self.needs_training:
            if train is None or not train.images:
                raise CountingError(f"{self.name} needs training counts: give them with --train-truth FILE")
            training = train.in_categories(truth.categories).counts
        counts = np.array(np.broadcast_to(self.rule(truth.counts, training), truth.counts.shape))
        return CountTable(truth.images, truth.categories, counts)


def _constant(count: float) -> Callable[[Floats, Floats], Floats]:
    return lambda true, train: np.array(count)


def _mean(true: Floats, train: Floats) -> Floats:
    return np.asarray(np.mean(train))


def _category_mean(true: Floats, train: Floats) -> Floats:
    return np.asarray(np.mean(train, axis=0))


def _presence_oracle(true: Floats, train: Floats) -> Floats:
    """The mean non-zero training count of each category that is present; 0 if it is never present in training."""
    occurs = np.count_nonzero(train, axis=0)
    return np.asarray((true > 0) * (train.sum(axis=0) / np.maximum(occurs, 1)))


BASELINES: Mapping[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        Baseline("always-0", rounded=True, needs_training=False, rule=_constant(0.0)),
        Baseline("always-1", rounded=True, needs_training=False, rule=_constant(1.0)),
        Baseline("mean", rounded=False, needs_training=True, rule=_mean),
        Baseline("category-mean", rounded=False, needs_training=True, rule=_category_mean),
        Baseline("presence-oracle", rounded=False, needs_training=True, rule=_presence_oracle),
    )
}
