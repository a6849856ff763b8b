"""A detector's boxes, as flat arrays."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from counting.stats.metrics import Floats, Ints
from counting.tables.count_table import CountTable


@dataclass(frozen=True, eq=False)
class Detections:
    """D boxes found in N photos; a photo without any box counts too.

    Attributes:
        images: N ids.
        categories: K names.
        image: D indices into ``images``.
        category: D indices into ``categories``.
        boxes: D×4 float64, (x0, y0, x1, y1) in pixels, 0-based and half-open.
        scores: D float64 in [0, 1].
        numbers: the data set's own ids for the N images, as text, if known.
        skipped: how many boxes of other photos the file held.
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
        """D whole numbers, alike for the boxes of one photo and category: image × K + category."""
        return self.image * len(self.categories) + self.category

    @property
    def rank(self) -> Ints:
        """D places, from 0, in the order of falling scores within the photo and category."""
        order = np.argsort(-self.scores, kind="stable")
        place = np.empty(len(self), dtype=np.int64)
        place[order] = earlier_in_group(self.groups[order])
        return place

    def where(self, kept: NDArray[np.bool_]) -> "Detections":
        """The boxes that ``kept`` (D flags) marks, in the same photos."""
        return replace(
            self,
            image=self.image[kept],
            category=self.category[kept],
            boxes=self.boxes[kept],
            scores=self.scores[kept],
        )

    def in_photos(self, rows: Ints) -> "Detections":
        """The boxes of the photos at ``rows`` (indices into ``images``, no two alike), in their order."""
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
        """Counts as the sum of what each box is worth (D floats) in its photo and category."""
        shape = (len(self.images), len(self.categories))
        summed = np.bincount(self.groups, weights=worth, minlength=shape[0] * shape[1])
        counts = summed.reshape(shape).astype(np.float64)
        return CountTable(self.images, self.categories, counts, numbers=self.numbers)


def earlier_in_group(group: Ints) -> Ints:
    """How many of the same ``group`` number come before each."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.searchsorted(ordered, ordered)
    before = np.empty(len(group), dtype=np.int64)
    before[order] = np.arange(len(group)) - starts
    return before
