"""Detections: the boxes of a detector as flat arrays."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from counting.stats.metrics import Floats, Ints
from counting.tables.count_table import CountTable


@dataclass(frozen=True, eq=False)
class Detections:
    """D boxes in N photos; photos without boxes are included.

    Attributes:
        images: N ids.
        categories: K names.
        image: D indices into ``images``.
        category: D indices into ``categories``.
        boxes: D×4 float64, (x0, y0, x1, y1) in pixels, 0-based and half-open.
        scores: D float64 in [0, 1].
        numbers: the data set's own ids of the N images, as text, if known.
        skipped: number of boxes of other photos in the file.
    """

    images: tuple[str, ...]
    categories: tuple[str, ...]
    image: Ints
    category: Ints
    boxes: Floats
    scores: Floats
    numbers: tuple[str, ...] | None = None
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def groups(self) -> Ints:
        """D integers, equal for boxes of the same photo and category: image × K + category."""
        return self.image * len(self.categories) + self.category

    @property
    def rank(self) -> Ints:
        """D ranks by falling score within the photo and category, from 0."""
        order = np.argsort(-self.scores, kind="stable")
        place = np.empty(len(self), dtype=np.int64)
        place[order] = earlier_in_group(self.groups[order])
        return place

    def where(self, kept: NDArray[np.bool_]) -> "Detections":
        """The boxes selected by ``kept`` (D flags); the photos stay the same."""
        return replace(
            self,
            image=self.image[kept],
            category=self.category[kept],
            boxes=self.boxes[kept],
            scores=self.scores[kept],
        )

    def in_photos(self, rows: Ints) -> "Detections":
        """The photos at ``rows`` (unique indices into ``images``), in that order, with their boxes."""
        place = np.full(len(self.images), -1)
        place[rows] = np.arange(len(rows))
        kept = self.where(place[self.image] >= 0)
        return replace(
            kept,
            images=tuple(self.images[row] for row in rows),
            numbers=None if self.numbers is None else tuple(self.numbers[row] for row in rows),
            image=place[kept.image],
        )

    def totals(self, worth: Floats) -> CountTable:
        """The sum of ``worth`` (D floats) over the boxes of each photo and category."""
        shape = (len(self.images), len(self.categories))
        summed = np.bincount(self.groups, weights=worth, minlength=shape[0] * shape[1])
        counts = summed.reshape(shape).astype(np.float64)
        return CountTable(self.images, self.categories, counts, numbers=self.numbers)


def earlier_in_group(group: Ints) -> Ints:
    """For each element, the number of earlier elements with the same ``group``."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.searchsorted(ordered, ordered)
    before = np.empty(len(group), dtype=np.int64)
    before[order] = np.arange(len(group)) - starts
    return before
