"""The answer to a question about a photo, as ``Predictor.ask`` returns it."""

from dataclasses import dataclass

from counting.inputs.photo_sources import PhotoSource
from counting.networks.checkpoint import Checkpoint
from counting.networks.inference import count_photo
from counting.questions.answering import Answer, answer_from
from counting.questions.parsing.parser import understood
from counting_datasets.errors import CountingError


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

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"AskedCount({self.question!r}, {self.text!r})"


def ask(checkpoint: Checkpoint, source: PhotoSource, question: str) -> AskedCount:
    """Answer ``question`` about a photo, or say why counts do not answer it.

    Raises:
        PhotoError: the photo cannot be read.
    """
    try:
        reading = understood(question, checkpoint.counter.categories)
    except CountingError as error:
        return AskedCount(question, "", str(error), None, None, None, str(error), None)
    found = answer_from(checkpoint, count_photo(checkpoint.counter, source), reading)
    low, high = found.interval or (None, None)
    return AskedCount(question, reading.explanation, None, found.count, low, high, found.text, found)
