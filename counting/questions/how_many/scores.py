"""Scores of answers to count questions, and a baseline that needs no photo."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from counting.stats.metrics import round_half_up
from counting_datasets.answers import vqa_accuracy
from counting_datasets.errors import CountingError
from counting_datasets.questions import Question


@dataclass(frozen=True, slots=True)
class AnswerScores:
    """The scores of N answers. ``vqa_accuracy`` is NaN if no question has answers of several annotators."""

    exact: float
    within_one: float
    rmse: float
    vqa_accuracy: float


def score_answers(answers: Sequence[float], questions: Sequence[Question]) -> AnswerScores:
    """Score ``answers``, rounded half up, against the questions' true answers.

    Raises:
        CountingError: no questions, not one answer per question, or a true answer that is not a number.
    """
    if not questions or len(answers) != len(questions):
        raise CountingError(f"{len(answers)} answers to {len(questions)} questions: there should be one each")
    true = []
    for question in questions:
        if question.answer is None:
            raise CountingError(f"question {question.id} has no number as its answer: leave it out")
        true.append(question.answer)
    given = round_half_up(answers)
    error = given - np.asarray(true)
    agreed = [
        vqa_accuracy(int(answer), question.annotators)
        for answer, question in zip(given, questions, strict=True)
        if len(question.annotators) > 1
    ]
    return AnswerScores(
        exact=float(np.mean(error == 0)),
        within_one=float(np.mean(np.abs(error) <= 1)),
        rmse=float(np.sqrt(np.mean(error**2))),
        vqa_accuracy=float(np.mean(agreed)) if agreed else math.nan,
    )


class NounMode:
    """A baseline that gives each noun its commonest answer in training.

    A noun not in training gets the commonest answer of all. Ties go to the smaller answer.

    Raises:
        CountingError: no training questions.
    """

    def __init__(self, nouns_and_answers: Iterable[tuple[str, int]]) -> None:
        by_noun: dict[str, Counter[int]] = defaultdict(Counter)
        overall: Counter[int] = Counter()
        for noun, answer in nouns_and_answers:
            by_noun[noun][answer] += 1
            overall[answer] += 1
        if not overall:
            raise CountingError("no training questions to learn answers from")
        self._overall = _mode(overall)
        self._by_noun = {noun: _mode(answers) for noun, answers in by_noun.items()}

    def __call__(self, noun: str) -> int:
        """The answer to a question about ``noun``."""
        return self._by_noun.get(noun, self._overall)


def _mode(answers: Counter[int]) -> int:
    return min(answers, key=lambda answer: (-answers[answer], answer))
