"""Ensembles: weighted sums of several counters' raw counts (CEOS, ens)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counting.stats.least_squares import fit_by_category
from counting.stats.metrics import Floats
from counting.tables.count_table import CountTable
from counting_datasets.errors import DataError

STRENGTHS = (np.inf, 10_000.0, 3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0)
"""Strengths of shrinking a category's weights to those of all categories; cross-validation chooses one."""


@dataclass(frozen=True, eq=False)
class EnsembleWeights:
    """``weights`` is members×K, ≥ 0: the factor for each member's counts of each category."""

    weights: Floats

    def combine(self, tables: Sequence[CountTable]) -> CountTable:
        """The weighted sum of the members' raw counts, and of their cells if all have the same grid.

        Raises:
            DataError: the tables differ in images or categories, or there is not one table per member.
        """
        _check(tables)
        if len(tables) != len(self.weights):
            raise DataError(f"{len(tables)} tables of counts for an ensemble of {len(self.weights)} counters")
        counts = sum(w * table.counts for w, table in zip(self.weights, tables, strict=True))
        return CountTable(
            tables[0].images, tables[0].categories, np.asarray(counts), self._cells(tables), tables[0].numbers
        )

    def _cells(self, tables: Sequence[CountTable]) -> NDArray[np.float32] | None:
        shapes = {None if table.cells is None else table.cells.shape for table in tables}
        if len(shapes) > 1 or None in shapes:
            return None
        weighted = (
            w * table.cells for w, table in zip(self.weights, tables, strict=True) if table.cells is not None
        )
        return np.asarray(sum(weighted), dtype=np.float32)


def average(tables: Sequence[CountTable]) -> CountTable:
    """The mean of the members' raw counts.

    Raises:
        DataError: the tables differ in images or categories.
    """
    _check(tables)
    return EnsembleWeights(np.full((len(tables), len(tables[0].categories)), 1 / len(tables))).combine(tables)


def fit_weights(tables: Sequence[CountTable], truth: CountTable) -> EnsembleWeights:
    """Fit weights to the members' counts on the validation split by non-negative least squares.

    Each category's weights are shrunk to those fitted to all categories, by a strength that five-fold
    cross-validation of the rounded mRMSE chooses.

    Raises:
        DataError: tables and truth differ in images or categories.
    """
    _check([*tables, truth])
    members = np.stack([table.counts for table in tables], axis=2)
    return EnsembleWeights(fit_by_category(members, truth.counts, STRENGTHS).T)


def _check(tables: Sequence[CountTable]) -> None:
    first = tables[0]
    for table in tables[1:]:
        if table.images != first.images or table.categories != first.categories:
            raise DataError("an ensemble needs counts of the same images and categories from every member")
