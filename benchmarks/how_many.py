"""Answers to "how many …?": the question alone, the counts alone, the how-many head, and their fusions.

    python benchmarks/how_many.py [--data DIR] [--val] [--counter NAME]

DIR (else $COUNTING_DATA) holds vqa/cocoqa, vqa/vqa2_subset, ceos/coco2014_counts.npz and coco. Questions are those
of Count-QA. Counts come in three kinds:

    true        an upper bound
    simulated   drawn with the errors of the counter NAME (default: the default counter), from its calibration;
                categories that it does not count are unknown
    predicted   NAME's own counts on COCO photos that are at hand and that no counter was trained on

--val reports the validation questions, on which the head was chosen, instead of COCO-QA test and VQA v2 valid and
test.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from counting.networks.inference import count_scenes
from counting.networks.zoo import BEST, find_counter
from counting.questions.how_many.evaluation import evaluate_questions, with_counts
from counting.questions.how_many.model import HowMany, shipped
from counting.tables.count_table import CountTable
from counting_datasets.catalog import Place, load
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.questions import Question
from recipes.head_training import hold_out
from recipes.ship_how_many import held_out_photos, questions_of, simulated, true_counts
from recipes.simulated_counter import SimulatedCounter

HELD_OUT = ("val2014_subset", "test2014_subset")
"""Splits of the COCO data in DIR/coco that no counter was trained on."""

CONSOLE = Console(highlight=False, width=120)
Truth = dict[str, list[float]]


def report(
    name: str, questions: Sequence[Question], counts: CountTable, model: HowMany, train: Sequence[Question]
) -> None:
    found = evaluate_questions(questions, counts, model, train)
    CONSOLE.print(found.to_table(name))
    CONSOLE.print("\n".join(found.difference_lines()), "\n")


def true_table(questions: Sequence[Question], truth: Truth) -> CountTable:
    counts = np.array([truth[question.image] for question in questions])
    return CountTable(tuple(map(str, range(len(counts)))), COCO_CATEGORIES, counts)


def simulated_table(questions: Sequence[Question], truth: Truth, counter: SimulatedCounter) -> CountTable:
    true = torch.tensor([truth[question.image] for question in questions])
    drawn = counter.draw(true, torch.Generator().manual_seed(0))
    known = counter.known.numpy()
    names = tuple(name for name, counted in zip(COCO_CATEGORIES, known, strict=True) if counted)
    expected, probability = drawn.expected.numpy()[:, known], drawn.probability.numpy()[:, known]
    return CountTable(tuple(map(str, range(len(true)))), names, expected, distribution=probability)


def predicted(data: Path, name: str, questions: Sequence[Question]) -> tuple[list[Question], CountTable]:
    """The questions about the held-out COCO photos, and a counter's counts in those photos."""
    checkpoint = find_counter(name)
    tables = [count_scenes(checkpoint, load("coco", split, Place(data / "coco")))[0] for split in HELD_OUT]
    at_hand = {number for table in tables for number in table.numbers or ()}
    kept, counts, _ = with_counts([question for question in questions if question.image in at_hand], tables, name)
    return kept, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTING_DATA", ".")))
    parser.add_argument("--val", action="store_true", help="report the validation questions")
    parser.add_argument("--counter", default=BEST, metavar="NAME")
    arguments = parser.parse_args()
    data: Path = arguments.data
    model, truth, questions = shipped(), true_counts(data), questions_of(data)
    counter = simulated(truth, arguments.counter)
    held_out = held_out_photos(data, questions)
    train = {name: hold_out(questions[f"{name} train"], held_out) for name in ("cocoqa", "vqa2")}
    if arguments.val:
        sets = {f"{name} validation": (name, left) for name, (_, left) in train.items()}
    else:
        sets = {
            "COCO-QA test": ("cocoqa", questions["cocoqa test"]),
            "VQA v2 subset, valid + test": ("vqa2", questions["vqa2 valid"] + questions["vqa2 test"]),
        }
    for title, (name, asked) in sets.items():
        learned = train[name][0]
        report(f"{title}, true counts", asked, true_table(asked, truth), model, learned)
        drawn = simulated_table(asked, truth, counter)
        report(f"{title}, counts simulated after {arguments.counter}", asked, drawn, model, learned)
    everything = [question for of_file in questions.values() for question in of_file]
    kept, counts = predicted(data, arguments.counter, everything)
    learned = train["cocoqa"][0] + train["vqa2"][0]
    report(f"held-out photos, counts predicted by {arguments.counter}", kept, counts, model, learned)


if __name__ == "__main__":
    main()
