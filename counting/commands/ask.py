"""counting ask"""

import argparse
import json
from math import isqrt

import numpy as np
from rich.console import Console

from counting.predictor.predictor import load
from counting.questions.answering import Answer
from counting.stats.count_distribution import LEVEL
from counting_datasets.errors import CountingError

MIN_SHARE = 0.15
"""Smallest share of the count at which a cell is mentioned."""


def run(arguments: argparse.Namespace) -> int:
    """Print the answer, its interval, what was counted and where."""
    counter = load(arguments.counter, arguments.device, arguments.categories)
    asked = counter.ask(arguments.photo, arguments.question)
    if asked.answer is None:
        raise CountingError(asked.text)
    found = asked.answer
    if arguments.json:
        print(json.dumps(found.to_json()))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(found.text, style="bold", markup=False)
    if found.interval:
        console.print(f"{LEVEL:.0%} interval: {found.interval[0]}–{found.interval[1]}")
    console.print(found.reading.explanation, markup=False)
    if found.uncounted:
        console.print(f"not counted by {counter.name}: {', '.join(found.uncounted)}", markup=False)
    if places := _places(found):
        console.print(f"where: {', '.join(places)}")
    return 0


def _places(found: Answer) -> list[str]:
    """The cells with most of the count, largest first."""
    side = isqrt(len(found.cells))
    if side == 1 or found.raw < 0.5:
        return []
    order = [cell for cell in np.argsort(-found.cells) if found.cells[cell] >= MIN_SHARE * found.raw]
    return [f"{found.cells[cell]:.1f} {_place(*divmod(int(cell), side), side)}" for cell in order]


def _place(row: int, column: int, side: int) -> str:
    if side != 3:
        return f"in row {row + 1}, column {column + 1} of {side}"
    vertical, horizontal = ("top", "", "bottom")[row], ("left", "", "right")[column]
    return (
        f"at the {' '.join(filter(None, (vertical, horizontal)))}" if vertical or horizontal else "in the middle"
    )
