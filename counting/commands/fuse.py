"""counting fuse"""

import argparse
import json
from collections.abc import Mapping

from rich.console import Console

from counting.commands.evaluate_questions import counted
from counting.questions.how_many.fusion import Fusion
from counting.questions.how_many.injection import Injected, Scores, fit_injection, inject, read_scores
from counting.questions.how_many.model import INJECTION, shipped
from counting.utils.files import write_text
from counting_datasets.errors import CountingError
from counting_datasets.questions import load_questions


def run(arguments: argparse.Namespace) -> int:
    """Write the fused answers, and print how many answers the counts changed."""
    for out in (arguments.out, arguments.scores_out):
        if out is not None and out.suffix != ".json":
            raise CountingError(f"{out}: must end in .json")
    scores = read_scores(arguments.scores)
    questions = load_questions(arguments.questions)
    known = {question.id for question in questions}
    stray = next((number for number in scores if number not in known), None)
    if stray is not None:
        raise CountingError(f"{arguments.scores}: question {stray} is not in {arguments.questions}")
    asked = [question for question in questions if question.id in scores]
    kept, counts = counted(asked, arguments.counts)
    found = inject(scores, kept, counts, _fusion(arguments))
    before = Injected(scores, frozenset()).answers()
    rows = [{"question_id": number, "answer": answer} for number, answer in found.answers().items()]
    write_text(arguments.out, json.dumps(rows) + "\n")
    if arguments.scores_out:
        _write_scores(arguments, found.scores)
    changed = sum(before[number] != answer for number, answer in found.answers().items())
    if arguments.json:
        said = {"questions": len(rows), "fused": len(found.fused), "changed": changed, "out": str(arguments.out)}
        print(json.dumps(said))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"fused {len(found.fused):,} of {len(rows):,} questions; {changed:,} answers changed")
    console.print(f"wrote {arguments.out}", markup=False)
    return 0


def _fusion(arguments: argparse.Namespace) -> Fusion:
    """Weights fitted on the model's own validation answers if given, else the shipped weights."""
    if not arguments.fit:
        return shipped().fusions[INJECTION]
    if not arguments.fit_questions:
        raise CountingError("--fit needs the questions of the validation split: --fit-questions FILE")
    questions = load_questions(arguments.fit_questions, arguments.fit_answers)
    scores = read_scores(arguments.fit)
    kept, counts = counted(
        [one for one in questions if one.id in scores], arguments.fit_counts or arguments.counts
    )
    return fit_injection(scores, kept, counts)


def _write_scores(arguments: argparse.Namespace, scores: Mapping[int, Scores]) -> None:
    rows = [{"question_id": number, "answers": dict(answers)} for number, answers in scores.items()]
    write_text(arguments.scores_out, json.dumps(rows) + "\n")
