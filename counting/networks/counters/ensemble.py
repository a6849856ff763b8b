"""Ens: several counters' raw counts as one (CEOS, ens)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counting.stats.least_squares import fit_by_category
from counting.stats.metrics import Floats
from counting.tables.count_table import CountTable
from counting_datasets.errors import DataError

STRENGTHS = (np.inf, 10_000.0, 3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0)
"""How strongly a category's weights may be held to those of all categories; chosen by cross-validation."""


@dataclass(frozen=True, eq=False)
class EnsembleWeights:
    """``weights`` is members×K, ≥ 0: what each member's counts of a category are multiplied by."""

    weights: Floats

    def combine(self, tables: Sequence[CountTable]) -> CountTable:
        """The weighted sum of the members' raw counts, and of their cells where all have the same grid.

        Raises:
            DataError: the tables differ in images or categories, or are not as many as the weights.
        """
        _check(tables)
        if len(tables) != len(self.weights):
            raise DataError(f"weights for {len(self.weights)} counters, but {len(tables)} tables of counts")
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
    """Non-negative least squares of the true counts on the members' counts, both of the validation split.

    Each category's weights are held to those that serve all categories; how strongly is chosen by five-fold
    cross-validation of the rounded mRMSE.

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
