"""Answer "how many …?" about a photo from a counter's counts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from counting.inputs.photo_sources import PhotoSource
from counting.networks import inference
from counting.networks.checkpoint import Checkpoint
from counting.networks.folding import folded
from counting.networks.inference import PhotoCounts
from counting.questions.how_many.encoding import encode, read_questions
from counting.questions.how_many.evidence import at_most, count_prior, from_counts
from counting.questions.how_many.model import BEST_METHOD, shipped
from counting.questions.parsing.parser import question_parser, understood
from counting.questions.parsing.reading import Reading
from counting.stats.best_guess import BestGuess, best_guesses
from counting.stats.count_distribution import LEVEL
from counting_datasets.categories import COCO_CATEGORIES, canonical, match_categories

MAX_BEYOND = 0.1
"""Largest prior probability of 20 or more at which the head is used; its largest answer is "20 or more"."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to a question: what was counted, how many there are, how probable that is, and where they are.

    Attributes:
        reading: how the question was understood.
        categories: the categories whose counts were added up.
        raw: their raw count, limited by the count of their gear (surfers by surfboards).
        cells: the parts of ``raw`` in the g² cells, row by row.
        distribution: L + 1 probabilities of the answers 0, 1, … and L or more, from the counts and the question;
            None for an uncalibrated counter.
        by_head: whether the answer is the how-many head's; never for one about a single category, or a plain sum.
        uncounted: COCO's categories that the question also names but the counter does not count.
    """

    reading: Reading
    categories: tuple[str, ...]
    raw: float
    cells: NDArray[np.float32]
    distribution: NDArray[np.float32] | None
    by_head: bool
    uncounted: tuple[str, ...]

    @property
    def guess(self) -> BestGuess:
        """The best guess: that of the counts, or the head's most probable answer if ``by_head``."""
        distributions = None if self.distribution is None else self.distribution[None]
        guess = best_guesses(np.array([self.raw]), distributions)[0]
        if self.distribution is None or not self.by_head:
            return guess
        likeliest = int(self.distribution.argmax())
        return replace(guess, count=likeliest, likelihood=float(self.distribution[likeliest]))

    @property
    def count(self) -> int:
        """The best guess."""
        return self.guess.count

    @property
    def text(self) -> str:
        """The answer in words, such as "about 3 people (1–5)"."""
        if len(self.categories) == 1:
            return self.guess.words(self.categories[0])
        return f"{self.guess.words()} {self.reading.noun}"

    @property
    def interval(self) -> tuple[int, int] | None:
        """First and last answer of the central interval of ``LEVEL``."""
        return self.guess.interval

    def to_json(self) -> dict[str, Any]:
        """The answer as an object of the JSON output of ``counting ask`` and ``counting questions``."""
        side = isqrt(len(self.cells))
        interval = self.interval and {"level": LEVEL, "low": self.interval[0], "high": self.interval[1]}
        return {
            "question": self.reading.question,
            "count": self.count,
            "count_raw": self.raw,
            "answered_by": "how-many head and counts" if self.by_head else "counts",
            "interval": interval,
            "probability": self.guess.probability,
            "text": self.text,
            "categories": list(self.categories),
            "understood": self.reading.explanation,
            "uncounted": list(self.uncounted),
            "cells": self.cells.reshape(side, side).tolist(),
        }


def answer(checkpoint: Checkpoint, path: Path, question: str) -> Answer:
    """Answer ``question`` about the photo at ``path``.

    Raises:
        CountingError: the question cannot be answered by counting, or not by this counter; says why.
        PhotoError: the photo cannot be read.
    """
    reading = understood(question, checkpoint.counter.categories)
    return answer_from(checkpoint, count_photo(checkpoint, path), reading)


def count_photo(checkpoint: Checkpoint, photo: Path | PhotoSource) -> PhotoCounts:
    """Count in a photo.

    Raises:
        PhotoError: it cannot be read.
    """
    return inference.count_photo(folded(checkpoint.counter), PhotoSource.of(photo))


def answer_from(checkpoint: Checkpoint, photo: PhotoCounts, reading: Reading) -> Answer:
    """The answer to a parsed question, from the counts of ``checkpoint`` in a photo."""
    distributions = checkpoint.calibration.distribution(photo.counts) if checkpoint.calibration else None
    return answer_counts(checkpoint.counter.categories, photo.cells, distributions, reading)


def answer_counts(
    categories: tuple[str, ...],
    photo: NDArray[np.float32],
    distributions: NDArray[np.float32] | None,
    reading: Reading,
) -> Answer:
    """The answer to a parsed question, from any counter's counts of a photo.

    ``photo`` are the raw counts of its cells (cells×K), ``distributions`` K×(L + 1) probabilities of the counts;
    None without calibration.
    """
    counts = photo.sum(axis=0, dtype=np.float64)
    by_name = dict(zip(categories, counts.tolist(), strict=True))
    counted, raw = reading.counted(by_name), reading.count(by_name)
    columns = [categories.index(name) for name in counted]
    total = float(counts[columns].sum())
    gear = [categories.index(name) for name in reading.gear] if raw < total else []
    by_head = distribution = None
    if distributions is not None:
        by_head = None if reading.is_plain else _by_head(reading.question, categories, counts, distributions)
        distribution = _distribution_of_sum(distributions, columns, gear) if by_head is None else by_head
    return Answer(
        reading=reading,
        categories=counted,
        raw=raw,
        cells=photo[:, columns].sum(axis=1) * (raw / total if gear else 1),
        distribution=distribution,
        by_head=by_head is not None,
        uncounted=_uncounted(reading.question, categories),
    )


def _by_head(
    question: str, categories: tuple[str, ...], counts: NDArray[np.float64], distributions: NDArray[np.float32]
) -> NDArray[np.float32] | None:
    """21 probabilities: the shipped head's answers fused with the counts; None where the head is not reliable.

    It is not for categories that are not COCO's, for counts that may well be 20 or more, and for things that are
    probably absent: in training people asked about what they saw, so the head is biased towards presence.
    """
    if not match_categories(categories, COCO_CATEGORIES):
        return None
    questions = encode(read_questions([question]))
    evidence = from_counts(categories, counts[None], distributions[None])
    prior = count_prior(questions, evidence)[0]
    if not questions.answered[0] or not prior.any() or prior[0] >= 0.5 or prior[-1] > MAX_BEYOND:
        return None
    return np.asarray(shipped().answers(questions, evidence)[BEST_METHOD][0].numpy(), dtype=np.float32)


def _uncounted(question: str, categories: Sequence[str]) -> tuple[str, ...]:
    known = {canonical(name) for name in categories}
    named = question_parser(COCO_CATEGORIES)(question).categories
    return tuple(name for name in named if canonical(name) not in known)


def _distribution_of_sum(
    distributions: NDArray[np.float32], columns: Sequence[int], gear: Sequence[int]
) -> NDArray[np.float32]:
    """Distribution of the sum of ``columns``, limited by the sum of ``gear`` if it is given."""
    total = sum_of(distributions[columns])
    if not gear:
        return total
    limit = sum_of(distributions[gear])
    most = max(len(total), len(limit))
    padded = [torch.from_numpy(np.pad(one, (0, most - len(one)))) for one in (total, limit)]
    return np.asarray(at_most(*padded).numpy())


def sum_of(distributions: NDArray[np.float32]) -> NDArray[np.float32]:
    """K×(L + 1) distributions of counts that do not depend on one another → that of their sum, K·L + 1."""
    total = reduce(np.convolve, distributions.astype(np.float64))
    return np.asarray(total / total.sum(), dtype=np.float32)
