"""Answer "how many …?" about a photo from a counter's counts."""

from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counting.checkpoint import Checkpoint
from counting.distribution import LEVEL, intervals, is_vague
from counting.inference import PhotoCounts, count_photos
from counting.metrics import round_half_up
from counting.vqa.parser import QuestionParser
from counting.vqa.reading import Reading
from counting_datasets.errors import CountingError, PhotoError


@dataclass(frozen=True, eq=False)
class Answer:
    """What was counted, how many, how sure that is, and where.

    Attributes:
        reading: how the question was understood.
        categories: those whose counts were added up.
        raw: their raw count.
        photo: all that was counted in the photo.
        cells: g² shares of ``raw``, row by row.
        distribution: L + 1 probabilities of the answers 0, 1, … and L or more; None of a counter not calibrated.
    """

    reading: Reading
    categories: tuple[str, ...]
    raw: float
    photo: PhotoCounts
    cells: NDArray[np.float32]
    distribution: NDArray[np.float32] | None

    @property
    def count(self) -> int:
        """``raw``, rounded half up."""
        return int(round_half_up(self.raw))

    @property
    def interval(self) -> tuple[int, int] | None:
        """First and last answer of the central interval of ``LEVEL``."""
        if self.distribution is None:
            return None
        low, high = intervals(self.distribution, LEVEL)
        return int(low), int(high)

    @property
    def vague(self) -> bool:
        """Whether nobody should name a number."""
        return self.interval is not None and bool(is_vague(*map(np.array, self.interval)))


def answer(checkpoint: Checkpoint, path: Path, question: str) -> Answer:
    """Count in the photo at ``path`` what ``question`` asks for.

    Raises:
        CountingError: the question cannot be answered by counting, or not by this counter; says why.
        PhotoError: the photo cannot be read.
    """
    categories = checkpoint.counter.categories
    reading = QuestionParser(categories)(question)
    if reading.refusal:
        known = f"; this counter knows {', '.join(categories)}" if reading.refusal == "no category" else ""
        raise CountingError(reading.explanation + known)
    return answer_from(checkpoint, count_photo(checkpoint, path), reading)


def count_photo(checkpoint: Checkpoint, path: Path) -> PhotoCounts:
    """Count in the photo at ``path``.

    Raises:
        PhotoError: it cannot be read.
    """
    skipped: dict[Path, str] = {}
    photos = list(count_photos(checkpoint.counter, [path], skipped))
    if not photos:
        raise PhotoError(skipped[path])
    return photos[0]


def answer_from(checkpoint: Checkpoint, photo: PhotoCounts, reading: Reading) -> Answer:
    """The answer to a question that was understood, from what ``checkpoint`` has counted."""
    categories, counts = checkpoint.counter.categories, photo.counts
    counted = reading.counted(dict(zip(categories, counts.tolist(), strict=True)))
    columns = [categories.index(name) for name in counted]
    calibration = checkpoint.calibration
    return Answer(
        reading,
        counted,
        float(counts[columns].sum()),
        photo,
        photo.cells[:, columns].sum(axis=1),
        sum_of(calibration.distribution(counts)[columns]) if calibration else None,
    )


def sum_of(distributions: NDArray[np.float32]) -> NDArray[np.float32]:
    """K×(L + 1) distributions of counts that do not depend on one another → that of their sum, K·L + 1."""
    total = reduce(np.convolve, distributions.astype(np.float64))
    return np.asarray(total / total.sum(), dtype=np.float32)
