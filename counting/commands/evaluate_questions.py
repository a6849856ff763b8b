"""counting evaluate --questions"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from counting.questions.how_many.evaluation import evaluate_questions, with_counts
from counting.questions.how_many.model import shipped
from counting.tables.count_table import CountTable
from counting.tables.table_files import read_table
from counting.utils.progress import report_skipped
from counting_datasets.errors import CountingError
from counting_datasets.questions import FILTERS, Question, load_questions


def run(arguments: argparse.Namespace) -> int:
    """Score the answers that counts give to how-many questions, and print the scores."""
    if arguments.what is not None or not arguments.counts:
        raise CountingError("--questions needs the counts of its photos: give --counts FILE instead of WHAT")
    asked = _selected(arguments.questions, arguments.answers, arguments.filter)
    train: Sequence[Question] = ()
    if arguments.train_questions:
        train = _selected(arguments.train_questions, arguments.train_answers, arguments.filter)
    kept, counts = counted(asked, arguments.counts)
    found = evaluate_questions(kept, counts, shipped(), train)
    if arguments.json:
        named = {"data": str(arguments.questions), "filter": arguments.filter, "counts": arguments.counts}
        print(json.dumps({**named, **found.to_json()}))
        return 0
    console = Console(highlight=False)
    console.print(found.to_table(f"{arguments.questions}, {arguments.filter}"))
    for line in found.difference_lines():
        console.print(line, soft_wrap=True)
    return 0


def counted(questions: Sequence[Question], files: Sequence[str]) -> tuple[list[Question], CountTable]:
    """The questions whose photos have counts in ``files``, and those counts; report the other photos."""
    kept, counts, missing = with_counts(questions, [read_table(file) for file in files], ", ".join(files))
    report_skipped([f"the questions about photo {photo}: no counts" for photo in missing])
    return kept, counts


def _selected(path: Path, annotations: Path | None, name: str) -> list[Question]:
    found = [question for question in load_questions(path, annotations) if FILTERS[name](question)]
    if not found:
        raise CountingError(f"{path}: no {name} questions (how many …?, with a number as the answer)")
    return found
