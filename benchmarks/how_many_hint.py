"""Does HINT help the how-many head where the answers to each noun change between training and testing?

All count questions of COCO-QA and of the VQA v2 subset, split by `recipes.changed_priors`; true counts. Heads
are trained without HINT, with the human cue (the categories asked for) and with two control cues, with every seed.
For the test questions it prints how often the answer is exactly right, the rank correlation of the categories'
importance with the cue, and how often the most important category is one asked for (the latter two for the right
answer, on questions that ask for known categories), with the 95 % interval over questions of the difference from
no HINT.

    python benchmarks/how_many_hint.py [--data DIR] [--weight λ] [--shares 0.06 1] [--seeds 0 1 2]
                                       [--in-distribution]

--in-distribution instead holds out a random seventh of the photos.
"""

import argparse
import os
import zlib
from pathlib import Path

import numpy as np
import torch
from hint import with_intervals
from numpy.typing import NDArray

from counting.questions.how_many.encoding import read_questions
from counting.questions.how_many.evidence import asked_categories, sure
from counting.questions.how_many.head import HowManyHead
from counting.stats.bootstrap import paired
from counting.training.hint.scores import rank_correlation
from counting_datasets.questions import Question
from recipes.changed_priors import changed_priors
from recipes.head_grounding import HeadGrounding, answer_importance
from recipes.head_training import Answered, answered, train_head
from recipes.ship_how_many import questions_of, true_counts

CUES = ("human", "random", "irrelevant")
HELD_OUT = 7
BATCH = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTING_DATA", ".")))
    parser.add_argument("--weight", type=float, default=1.0)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.06, 1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--in-distribution", action="store_true")
    arguments = parser.parse_args()
    questions = [question for asked in questions_of(arguments.data).values() for question in asked]
    if arguments.in_distribution:
        train, test = by_chance(questions)
    else:
        train, test = changed_priors(questions, [one.noun for one in read_questions([q.text for q in questions])])
    truth = true_counts(arguments.data)
    learned, left = answered(train, truth), answered(test, truth)
    print(f"{len(train):,} questions to train on, {len(test):,} to test on")
    settings: dict[str, HeadGrounding | None] = {"no HINT": None}
    for share in arguments.shares:
        settings |= {f"{cue}, {share:.0%}": HeadGrounding(arguments.weight, share, cue) for cue in CUES}
    without: list[NDArray[np.float64]] = []
    for name, grounding in settings.items():
        heads = [
            train_head(learned, None, seed, what=f"{name} {seed}", grounding=grounding) for seed in arguments.seeds
        ]
        figures = np.mean([scores(head, left) for head in heads], axis=0)
        without = without or [figures]
        print_row(name, figures, without[0])


def by_chance(questions: list[Question]) -> tuple[list[Question], list[Question]]:
    left = [zlib.crc32(question.image.encode()) % HELD_OUT == 0 for question in questions]
    sides = [[one for one, out in zip(questions, left, strict=True) if out is side] for side in (False, True)]
    return sides[0], sides[1]


def scores(head: HowManyHead, data: Answered) -> NDArray[np.float64]:
    """B×3: exact, rank correlation, pointing; the latter two NaN for questions without a known category."""
    found = np.full((len(data.target), 3), np.nan)
    for rows in torch.arange(len(data.target)).split(BATCH):
        questions, evidence, target = data.encoded[rows], sure(data.true[rows]), data.target[rows]
        with torch.no_grad():
            found[rows, 0] = (head(questions, evidence).argmax(dim=1) == target.argmax(dim=1)).numpy()
        alpha = answer_importance(head, questions, evidence, target).numpy()
        asked = asked_categories(questions, evidence).numpy()
        for row, importance, wanted in zip(rows.tolist(), alpha, asked, strict=True):
            if wanted.any():
                found[row, 1] = rank_correlation(importance, wanted.astype(np.float64))
                found[row, 2] = wanted[importance.argmax()]
    return found


def print_row(name: str, mine: NDArray[np.float64], without: NDArray[np.float64]) -> None:
    differences = paired((_terms(mine), _terms(without)), _means)
    print(f"{name:18}{with_intervals(np.nanmean(mine, axis=0), differences)}", flush=True)


def _terms(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """B×6: the scores with 0 for NaN, and whether there is one."""
    return np.hstack([np.nan_to_num(scores), ~np.isnan(scores)])


def _means(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums[:, :3] / sums[:, 3:]


if __name__ == "__main__":
    main()
