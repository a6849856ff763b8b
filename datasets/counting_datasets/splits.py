"""Names of splits, and shares of a data set that comes without splits, the same on every machine."""

import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple

from counting_datasets.errors import DataError

SAME_SPLIT = {"val": "valid", "valid": "val"}
"""Names that different tools give to the same split."""

PARTS = ("train", "val", "test")
_NAME = re.compile(r"(?:([a-z]+):)?(\d{1,4}(?:/\d{1,4})+)(?::(\d{1,9}))?")


class Share(NamedTuple):
    """Part number ``part`` of a division of all photos in proportion to ``weights``."""

    name: str
    part: int
    weights: tuple[int, ...]
    seed: int

    def of(self, photos: Sequence[str]) -> list[int]:
        """Indices of the photos in this part, in their order.

        Photos are ranked by the SHA-256 of seed and id, so the division depends on nothing else, and a photo
        more moves few of the others.

        Raises:
            DataError: there are too few photos for the part to hold any.
        """
        ranked = sorted(range(len(photos)), key=lambda i: sha256(f"{self.seed}:{photos[i]}".encode()).digest())
        total = sum(self.weights)
        ends = [0, *((2 * len(photos) * reached + total) // (2 * total) for reached in accumulate(self.weights))]
        chosen = sorted(ranked[ends[self.part] : ends[self.part + 1]])
        if not chosen:
            raise DataError(f"split {self.name!r} of {len(photos)} photos holds none")
        return chosen


def parse_share(split: str) -> Share | None:
    """Read ``val:80/20`` or ``val:80/20:SEED``; None for the name of any other split.

    Two weights divide the photos into train and val, three into train, val and test. Without a part's name the
    last is meant, and without a seed 0.

    Raises:
        DataError: it is a share, but of no such part or with a weight of 0.
    """
    match = _NAME.fullmatch(split)
    if match is None:
        return None
    weights = tuple(map(int, match[2].split("/")))
    parts = PARTS[: len(weights)]
    part = "val" if match[1] == "valid" else match[1] or parts[-1]
    if len(weights) > len(PARTS) or 0 in weights or part not in parts:
        raise DataError(f"split {split!r}: use train:80/20 and val:80/20, or train:, val: and test:80/10/10")
    return Share(split, parts.index(part), weights, int(match[3] or 0))
