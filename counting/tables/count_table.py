"""CountTable: counts by image and category, the format in which the parts of the project exchange counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from counting_datasets.categories import match_categories
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet


@dataclass(frozen=True, eq=False)
class CountTable:
    """Counts of N images in K categories.

    Attributes:
        images: N unique ids, each an image's file name or path without its extension.
        categories: K unique names.
        counts: N×K float64, finite; raw: clipped at 0 (per cell, before the sum), not rounded.
        cells: N×cells×K float32, the counts of each image's cells row by row, if the counter has cells.
        distribution: N×K×(L + 1) float32, the probabilities of the counts 0, 1, … and L or more, if known.
        numbers: the data set's own ids of the N images, as text ("42" for COCO_val2014_000000000042), if known.
        category_ids: maps the category ids of the annotation file that the counts come from, as text, to names;
            None if the counts do not come from one. Used to read a results file.
        known: N×K flags of the true counts that are known and scored; None if all are known.

    Raises:
        DataError: names are duplicate or empty, shapes do not match, or a count is not finite.
    """

    images: tuple[str, ...]
    categories: tuple[str, ...]
    counts: NDArray[np.float64]
    cells: NDArray[np.float32] | None = None
    numbers: tuple[str, ...] | None = None
    distribution: NDArray[np.float32] | None = None
    category_ids: Mapping[str, str] | None = None
    known: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        _check_names("image id", self.images)
        _check_names("category", self.categories)
        if self.images and not self.categories:
            raise DataError("a table of counts needs at least one category")
        object.__setattr__(self, "counts", np.asarray(self.counts, dtype=np.float64))
        n, k = len(self.images), len(self.categories)
        if self.counts.shape != (n, k):
            raise DataError(f"counts are {self.counts.shape}, but there are {n} images and {k} categories")
        self._check_finite(self.counts)
        if self.cells is not None:
            object.__setattr__(self, "cells", np.asarray(self.cells, dtype=np.float32))
            if self.cells.ndim != 3 or self.cells.shape[::2] != (n, k) or self.cells.shape[1] == 0:
                raise DataError(f"cells are {self.cells.shape}, but there are {n} images and {k} categories")
            self._check_finite(self.cells.sum(axis=1))
        if self.distribution is not None:
            self._check_distribution(self.distribution)
        if self.known is not None and self.known.shape != (n, k):
            raise DataError(f"known flags are {self.known.shape}, but there are {n} images and {k} categories")
        if self.numbers is not None and len(self.numbers) != n:
            raise DataError(f"{len(self.numbers)} image numbers for {n} images")

    def _check_finite(self, counts: NDArray[np.floating]) -> None:
        bad = np.argwhere(~np.isfinite(counts))
        if len(bad):
            image, category = self.images[bad[0][0]], self.categories[bad[0][1]]
            raise DataError(f"image {image!r} has no finite count of {category!r}")

    def _check_distribution(self, distribution: NDArray[np.float32]) -> None:
        n, k = self.counts.shape
        if distribution.ndim != 3 or distribution.shape[:2] != (n, k) or distribution.shape[2] == 0:
            raise DataError(f"distributions are {distribution.shape}, but there are {n} images and {k} categories")
        wrong = ~((distribution >= 0).all(axis=2) & (np.abs(distribution.sum(axis=2) - 1) < 1e-3))
        if wrong.any():
            image, category = np.argwhere(wrong)[0]
            where = f"{self.categories[category]!r} in image {self.images[image]!r}"
            raise DataError(f"the distribution of {where} does not consist of probabilities that sum to 1")

    @classmethod
    def from_rows(
        cls,
        images: Sequence[str],
        categories: Sequence[str],
        counts: ArrayLike,
        cells: NDArray[np.float32] | None = None,
        numbers: tuple[str, ...] | None = None,
        distribution: NDArray[np.float32] | None = None,
    ) -> "CountTable":
        """A table from the rows of a file; ``counts`` holds N×K numbers, or is an empty list if N is 0.

        Raises:
            DataError: as for ``CountTable``.
        """
        raw = np.asarray(counts, dtype=np.float64).reshape(len(images), len(categories))
        return cls(tuple(images), tuple(categories), raw, cells, numbers, distribution)

    @classmethod
    def from_scenes(cls, scenes: SceneSet, protocol: Protocol) -> "CountTable":
        """The true counts of the images that ``protocol`` keeps."""
        kept = scenes.under(protocol)
        known = kept.known_counts(protocol)
        return cls(
            images=tuple(scene.id for scene in kept),
            categories=kept.categories,
            counts=kept.counts(protocol).astype(np.float64),
            numbers=tuple(scene.number for scene in kept),
            category_ids=kept.category_ids,
            known=None if known.all() else known,
        )

    def select(self, images: Sequence[str]) -> "CountTable":
        """The rows of ``images``, in their order.

        Raises:
            DataError: the table lacks an image, or an image is named twice.
        """
        place = {image: row for row, image in enumerate(self.images)}
        unknown = next((image for image in images if image not in place), None)
        if unknown is not None:
            raise DataError(f"no counts for image {unknown!r}")
        return self.rows([place[image] for image in images])

    def in_categories(self, categories: Sequence[str]) -> "CountTable":
        """The columns of ``categories``, in their order and under their names; VOC's and COCO's names match.

        Raises:
            DataError: the table lacks a category, or has it under two names.
        """
        column: dict[int, int] = {}
        for theirs, ours in match_categories(self.categories, categories).items():
            if ours in column:
                twice = f"{self.categories[column[ours]]!r} and {self.categories[theirs]!r}"
                raise DataError(f"the counts have two columns for {categories[ours]!r}: {twice}")
            column[ours] = theirs
        lacking = [name for index, name in enumerate(categories) if index not in column]
        if lacking:
            more = f" and {len(lacking) - 1} more categories" if len(lacking) > 1 else ""
            raise DataError(f"the counts lack {lacking[0]!r}{more}")
        order = [column[index] for index in range(len(categories))]
        return replace(
            self,
            categories=tuple(categories),
            counts=self.counts[:, order],
            cells=None if self.cells is None else self.cells[:, :, order],
            distribution=None if self.distribution is None else self.distribution[:, order],
            known=None if self.known is None else self.known[:, order],
        )

    def scaled(self, factors: NDArray[np.float64]) -> "CountTable":
        """The counts of each category multiplied by its factor; without distributions, unless all are 1."""
        if (factors == 1).all():
            return self
        cells = None if self.cells is None else self.cells * factors.astype(np.float32)
        return replace(self, counts=self.counts * factors, cells=cells, distribution=None)

    def rows(self, places: Sequence[int] | NDArray[np.integer]) -> "CountTable":
        """The rows with the indices ``places`` (unique), in their order."""
        index = np.asarray(places, dtype=np.intp)
        return replace(
            self,
            images=tuple(self.images[row] for row in index),
            counts=self.counts[index],
            cells=None if self.cells is None else self.cells[index],
            distribution=None if self.distribution is None else self.distribution[index],
            numbers=None if self.numbers is None else tuple(self.numbers[row] for row in index),
            known=None if self.known is None else self.known[index],
        )


def _check_names(kind: str, names: Sequence[str]) -> None:
    if not all(names):
        raise DataError(f"{kind} {names.index('') + 1} of {len(names)} is empty")
    if len(set(names)) < len(names):
        twice = next(name for name, times in Counter(names).items() if times > 1)
        raise DataError(f"duplicate {kind} {twice!r}")
