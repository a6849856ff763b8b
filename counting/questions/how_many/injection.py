"""Fusion of another VQA model's answers with counts: its answers' scores and the count prior, from files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from counting.questions.how_many.encoding import encode, read_questions
from counting.questions.how_many.evidence import ANSWERS, LARGEST_ANSWER, asked_categories, count_prior, from_table
from counting.questions.how_many.fusion import Fusion, fit_fusion, signs_of
from counting.questions.how_many.target import target_of
from counting.tables.count_table import CountTable
from counting_datasets.answers import numeric_answer
from counting_datasets.errors import DataError
from counting_datasets.questions import Question
from counting_datasets.text_files import read_json

Scores = Mapping[str, float]

LARGEST_SCORE = 1e100
"""Largest allowed score of an answer; the scores of a question need not sum to 1."""


@dataclass(frozen=True, eq=False)
class Injected:
    """Scores of each question's answers after fusion, and the questions whose scores the counts changed."""

    scores: Mapping[int, Scores]
    fused: frozenset[int]

    def answers(self) -> dict[int, str]:
        """Question id → its most probable answer."""
        return {number: max(scores, key=lambda answer: scores[answer]) for number, scores in self.scores.items()}


def read_scores(path: Path) -> dict[int, Scores]:
    """Question id → answer → probability, from a file of rows ``{"question_id": 7, "answers": {"2": 0.6, …}}``.

    Raises:
        DataError: the file is missing or malformed, or a score is negative or no number; says which.
    """
    rows = read_json(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{path}: should hold a list of {{"question_id": …, "answers": {{answer: score}}}}')
    found: dict[int, Scores] = {}
    for row in rows:
        number = row.get("question_id")
        if not isinstance(number, int) or isinstance(number, bool):
            raise DataError(f"{path}: question_id {number!r} should be a whole number")
        if number in found:
            raise DataError(f"{path}: question {number} is a duplicate")
        found[number] = _checked(path, number, row.get("answers"))
    return found


def _checked(path: Path, number: int, scores: Any) -> Scores:
    if not isinstance(scores, dict) or not scores:
        raise DataError(f"{path}: question {number} has no answers with scores")
    for answer, score in scores.items():
        right = isinstance(score, int | float) and not isinstance(score, bool)
        if not right or not 0 <= score <= LARGEST_SCORE:
            shown = str(score)[:40]
            raise DataError(f"{path}: question {number} scores {answer!r} {shown}, should be a probability")
    total = sum(scores.values())
    if total <= 0:
        raise DataError(f"{path}: question {number} scores every answer 0")
    return {answer: score / total for answer, score in scores.items()}


def inject(
    scores: Mapping[int, Scores], questions: Sequence[Question], counts: CountTable, fusion: Fusion
) -> Injected:
    """Fuse a model's answer scores with the counts; ``counts`` has a row for each of ``questions``.

    Only questions that ask for known categories change, and only their numeric answers, whose total probability
    stays the same. The prior treats 20 and more as one answer.

    Raises:
        DataError: the counts have none of COCO's categories.
    """
    asked = [row for row, question in enumerate(questions) if question.id in scores]
    experts, signs = _experts(scores, [questions[row] for row in asked], _rows(counts, asked))
    fused = fusion(experts, signs).exp()
    spoke = (experts[0].sum(dim=1) > 0) & (experts[1].sum(dim=1) > 0)
    found, changed = dict(scores), set()
    for place, row in enumerate(asked):
        if spoke[place]:
            number = questions[row].id
            found[number] = _shared_out(scores[number], fused[place].tolist())
            changed.add(number)
    return Injected(found, frozenset(changed))


def fit_injection(scores: Mapping[int, Scores], questions: Sequence[Question], counts: CountTable) -> Fusion:
    """The fusion fitted to a model, from its answers to validation ``questions`` with true answers.

    Raises:
        DataError: no question has a true answer that is a number, is in ``scores`` and asks for a known category.
    """
    kept = [row for row, one in enumerate(questions) if one.id in scores and one.answer is not None]
    chosen = [questions[row] for row in kept]
    if not chosen:
        raise DataError("cannot fit the fusion: no scored question has a number as its true answer")
    experts, signs = _experts(scores, chosen, _rows(counts, kept))
    heard = (experts[0].sum(dim=1) > 0) & (experts[1].sum(dim=1) > 0)
    if not heard.any():
        raise DataError("cannot fit the fusion: no scored question asks for a category that is counted")
    target = torch.stack([target_of(question) for question in chosen])
    return fit_fusion([expert[heard] for expert in experts], signs[heard], target[heard])


def _rows(counts: CountTable, rows: Sequence[int]) -> CountTable:
    return counts.select([counts.images[row] for row in rows])


def _experts(
    scores: Mapping[int, Scores], questions: Sequence[Question], counts: CountTable
) -> tuple[list[Tensor], Tensor]:
    """B×21 distributions of the model (zeros where it scores no number) and of the prior, and the signs."""
    encoded, evidence = encode(read_questions([question.text for question in questions])), from_table(counts)
    prior = count_prior(encoded, evidence)
    signs = signs_of(encoded, asked_categories(encoded, evidence), prior)
    theirs = torch.zeros(len(questions), ANSWERS)
    for row, question in enumerate(questions):
        for answer, score in scores[question.id].items():
            number = numeric_answer(answer)
            if number is not None:
                theirs[row, min(number, LARGEST_ANSWER)] += score
    theirs = theirs / theirs.sum(dim=1, keepdim=True).clamp(min=1e-12)
    return [theirs, prior], signs


def _shared_out(scores: Scores, fused: Sequence[float]) -> Scores:
    """The scores with the total of the numeric answers redistributed according to ``fused``.

    Several spellings of a number ("2", "two"), and numbers from 20 on, keep their proportions.
    """
    numbers = {answer: number for answer in scores if (number := numeric_answer(answer)) is not None}
    mass = sum(scores[answer] for answer in numbers)
    by_answer: dict[int, dict[str, float]] = {}
    for answer, number in numbers.items():
        by_answer.setdefault(min(number, LARGEST_ANSWER), {})[answer] = scores[answer]
    found = {answer: score for answer, score in scores.items() if answer not in numbers}
    for number, probability in enumerate(fused):
        names = by_answer.get(number, {str(number): 1.0})
        total = sum(names.values())
        shares = {answer: score / total if total else 1 / len(names) for answer, score in names.items()}
        found |= {answer: mass * probability * share for answer, share in shares.items()}
    return found
