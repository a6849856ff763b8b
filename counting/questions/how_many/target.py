"""The training target of the how-many head: a distribution over the answers that people gave."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from counting.questions.how_many.evidence import ANSWERS, LARGEST_ANSWER
from counting_datasets.answers import numeric_answer
from counting_datasets.errors import CountingError
from counting_datasets.questions import Question


def target_of(question: Question) -> Tensor:
    """21 probabilities: half on the answer, half in proportion to the annotators' numbers; all on it without any.

    Raises:
        CountingError: the answer is not a number.
    """
    if question.answer is None:
        raise CountingError(f"question {question.id} has no number as its answer: leave it out")
    answer = one_hot(torch.tensor(min(question.answer, LARGEST_ANSWER)), ANSWERS).float()
    given = [number for number in map(numeric_answer, question.annotators) if number is not None]
    if not given:
        return answer
    votes = torch.bincount(torch.tensor([min(number, LARGEST_ANSWER) for number in given]), minlength=ANSWERS)
    return (answer + votes / votes.sum()) / 2
