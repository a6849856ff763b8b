"""Questions about photos, and counts of the photos."""

import numpy as np

from counting.tables.count_table import CountTable
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.questions import Question

DOG, CAT, PERSON = (COCO_CATEGORIES.index(name) for name in ("dog", "cat", "person"))


def photo(**counts: int) -> list[float]:
    """80 counts."""
    return [float(counts.get(name, 0)) for name in COCO_CATEGORIES]


def table(*rows: list[float], images: list[str] | None = None) -> CountTable:
    ids = images or [str(row) for row in range(len(rows))]
    return CountTable(tuple(ids), COCO_CATEGORIES, np.array(rows))


def asking(
    *texts: str, answers: list[int | None] | None = None, images: list[str] | None = None
) -> list[Question]:
    return [
        Question(row, (images or list("0" * len(texts)))[row], text, (answers or [2] * len(texts))[row])
        for row, text in enumerate(texts)
    ]
