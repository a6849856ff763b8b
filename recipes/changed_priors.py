"""A split of how-many questions where the answers to each noun are others in testing than in training.

As VQA-CP (Agrawal et al., CVPR 2018) does it for question types: a noun's questions are grouped by answer, and
the groups, the largest first, go to the side that has fewer of that noun's questions. Photos are held out: all
questions about a photo lie on the side of most of them, and those whose own group lies on the other are left out.
"""

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from counting_datasets.questions import Question


def changed_priors(questions: Sequence[Question], nouns: Sequence[str]) -> tuple[list[Question], list[Question]]:
    """Training and test questions; ``nouns`` has the noun of each question."""
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
    """By noun and answer, whether it is tested on."""
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
