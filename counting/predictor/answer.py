"""The answer to a question about a photo, as ``Predictor.ask`` returns it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from counting.inputs.photo_sources import PhotoSource
from counting.networks.checkpoint import Checkpoint
from counting.predictor.count_result import CountResult
from counting.questions.answering import Answer, answer_counts
from counting.questions.parsing.parser import understood
from counting_datasets.errors import CountingError

_NUMBERS = ("count", "count_raw", "answered_by", "interval", "probability")
_LISTS = ("categories", "uncounted", "cells")
"""Keys of the JSON without a value if counts do not answer a question."""


@dataclass(frozen=True, repr=False)
class AskedCount:
    """A question and its answer.

    Attributes:
        question: as asked.
        understood: what is counted, such as "counting category: dog"; empty if counts do not answer the question.
        reason: why counts do not answer it; None if they do.
        count: the best guess; None without an answer.
        low, high: first and last count of the 80 % interval; None without an answer or without calibration.
        text: the answer in words, such as "about 3 people (1–5)", or the reason for none.
        answer: what was counted, and where; None without an answer.
    """

    question: str
    understood: str
    reason: str | None
    count: int | None
    low: int | None
    high: int | None
    text: str
    answer: Answer | None

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON: the keys of ``counting ask --json``, and ``reason``."""
        if self.answer is not None:
            return {**self.answer.to_json(), "reason": None}
        known = {"question": self.question, "text": self.text, "understood": "", "reason": self.reason}
        return {**dict.fromkeys(_NUMBERS), **{name: [] for name in _LISTS}, **known}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"AskedCount({self.question!r}, {self.text!r})"


def ask(categories: tuple[str, ...], count: Callable[[], CountResult], question: str) -> AskedCount:
    """Answer ``question`` about the photo that ``count`` counts, or say why counts do not answer it."""
    try:
        reading = understood(question, categories)
    except CountingError as error:
        return AskedCount(question, "", str(error), None, None, None, str(error), None)
    result = count()
    distribution = result.to_table("photo").distribution
    one = None if distribution is None else distribution[0]
    return answered(answer_counts(result.categories, result.cells, one, reading), question)


def questions(checkpoint: Checkpoint, source: PhotoSource) -> list[AskedCount]:
    """Different questions about a photo with their answers, from Diverse Beam Search, most probable first.

    Raises:
        CountingError: the question generator knows none of the counter's categories.
        PhotoError: the photo cannot be read.
    """
    from counting.questions.generator.decoding import Method
    from counting.questions.generator.for_photo import questions_for_photo

    return [
        answered(found, found.reading.question)
        for found in questions_for_photo(checkpoint, source, Method("diverse"))
    ]


def answered(found: Answer, question: str) -> AskedCount:
    """The user's answer to ``question``."""
    low, high = found.interval or (None, None)
    return AskedCount(question, found.reading.explanation, None, found.count, low, high, found.text, found)
