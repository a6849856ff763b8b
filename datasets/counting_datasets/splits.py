"""Split names, and reproducible random splits of a data set that has none."""

import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple

from counting_datasets.errors import DataError

SPLIT_SYNONYMS = {"val": "valid", "valid": "val"}
"""Other names of splits in the output of annotation tools."""

_PARTS = ("train", "val", "test")
_NAME = re.compile(r"(?:([a-z]+):)?(\d{1,4}(?:/\d{1,4})+)(?::(\d{1,9}))?")


class Share(NamedTuple):
    """Part ``part`` (from 0) of all photos, which are randomly divided in proportion to ``weights``."""

    name: str
    part: int
    weights: tuple[int, ...]
    seed: int

    def of(self, photos: Sequence[str]) -> list[int]:
        """Indices of the photos in this part, in ascending order.

        Photos are ranked by the SHA-256 of seed and id, so the division is the same on every machine, and an
        additional photo moves few of the others.

        Raises:
            DataError: there are so few photos that the part is empty.
        """
        ranked = sorted(range(len(photos)), key=lambda i: sha256(f"{self.seed}:{photos[i]}".encode()).digest())
        total = sum(self.weights)
        ends = [0, *((2 * len(photos) * reached + total) // (2 * total) for reached in accumulate(self.weights))]
        chosen = sorted(ranked[ends[self.part] : ends[self.part + 1]])
        if not chosen:
            raise DataError(f"split {self.name!r} of {len(photos)} photos is empty")
        return chosen


def parse_share(split: str) -> Share | None:
    """Parse ``val:80/20`` or ``val:80/20:SEED``; returns None for any other split name.

    Two weights divide the photos into train and val, three into train, val and test. The part defaults to the last
    one, the seed to 0.

    Raises:
        DataError: a share with an unknown part, a weight of 0 or more than three weights.
    """
    match = _NAME.fullmatch(split)
    if match is None:
        return None
    weights = tuple(map(int, match[2].split("/")))
    parts = _PARTS[: len(weights)]
    part = "val" if match[1] == "valid" else match[1] or parts[-1]
    if len(weights) > len(_PARTS) or 0 in weights or part not in parts:
        raise DataError(f"split {split!r}: use train:80/20 and val:80/20, or train:, val: and test:80/10/10")
    return Share(split, parts.index(part), weights, int(match[3] or 0))
