"""A split of how-many questions with different answers to each noun in training and in testing.

As in VQA-CP (Agrawal et al., CVPR 2018), but by noun instead of question type: a noun's questions are grouped by
answer, and the groups, largest first, go to the side with fewer questions about that noun. Each photo is on one
side only, that of most of its questions; questions whose group is on the other side are left out.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from counting_datasets.questions import Question


def changed_priors(questions: Sequence[Question], nouns: Sequence[str]) -> tuple[list[Question], list[Question]]:
    """The training and test questions; ``nouns`` has the noun of each question."""
    sides = _sides(questions, nouns)
    of_question = [sides[noun, question.answer] for question, noun in zip(questions, nouns, strict=True)]
    votes: Counter[str] = Counter()
    for question, side in zip(questions, of_question, strict=True):
        votes[question.image] += 1 if side else -1
    kept = [
        (question, side)
        for question, side in zip(questions, of_question, strict=True)
        if side == (votes[question.image] > 0)
    ]
    return [one for one, side in kept if not side], [one for one, side in kept if side]


def _sides(questions: Sequence[Question], nouns: Sequence[str]) -> dict[tuple[str, int | None], bool]:
    """Noun and answer → whether their questions are for testing."""
    groups: dict[str, Counter[int | None]] = defaultdict(Counter)
    for question, noun in zip(questions, nouns, strict=True):
        groups[noun][question.answer] += 1
    sides = {}
    for noun, answers in groups.items():
        filled = [0, 0]
        first = zlib.crc32(noun.encode()) % 2
        for answer, size in answers.most_common():
            side = first if filled[0] == filled[1] else int(filled[1] < filled[0])
            filled[side] += size
            sides[noun, answer] = bool(side)
    return sides
