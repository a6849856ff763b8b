"""counting explain"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from counting.explain.answer_explanation import explain_answer
from counting.explain.count_explanation import explain_photo
from counting.explain.count_grad_cam import BACKBONE, column_of
from counting.explain.explanation import Explanation
from counting.predictor.predictor import load
from counting.utils.files import atomic_write
from counting_datasets.errors import CountingError
from counting_datasets.photo import open_photo

LONGEST_NAME = 200
"""Maximum length in bytes of a file name without its extension."""


def run(arguments: argparse.Namespace) -> int:
    """Write each explanation as an array and as an overlay on the photo, and print a summary."""
    if not arguments.category and not arguments.question:
        raise CountingError('nothing to explain: give --category NAME or --question "how many …?"')
    if arguments.answer_score and not arguments.question:
        raise CountingError("--answer-score needs --question")
    photo = open_photo(arguments.photo)
    console = Console(highlight=False, soft_wrap=True)
    found = []
    taken: set[str] = set()
    for one in list(_explanations(arguments, photo)):
        stem = _file_name(arguments.photo.stem, one.subject.category or "answer", taken)
        written = [
            _write_array(arguments.out / f"{stem}{end}.npy", array)
            for end, array in _arrays(one, arguments.counterfactual)
        ]
        written += [
            _write_picture(arguments.out / f"{stem}{end}.png", picture)
            for end, picture in _pictures(one, arguments.counterfactual)
        ]
        found.append({**_to_json(one, arguments.answer_score), "files": [str(path) for path in written]})
        if not arguments.json:
            lines = [one.why_empty, one.subject.note, f"wrote {', '.join(map(str, written))}"]
            console.print(one.subject.heading, style="bold", markup=False)
            for line in filter(None, lines):
                console.print(line, markup=False)
    if arguments.json:
        print(json.dumps(found))
    return 0


def _explanations(arguments: argparse.Namespace, photo: Image.Image) -> Iterator[Explanation]:
    checkpoint = load(arguments.counter, arguments.device).checkpoint
    layer = arguments.layer or BACKBONE
    if arguments.category:
        columns = dict.fromkeys(column_of(checkpoint.counter, name) for name in arguments.category)
        yield from explain_photo(
            checkpoint.counter,
            photo,
            [checkpoint.counter.categories[column] for column in columns],
            calibration=checkpoint.calibration,
            layer=layer,
            method=arguments.method,
            guided=arguments.guided,
        )
    if arguments.question:
        yield explain_answer(
            checkpoint,
            photo,
            arguments.question,
            layer=layer,
            method=arguments.method,
            score=arguments.answer_score,
        )


def _file_name(photo: str, category: str, taken: set[str]) -> str:
    """``photo-category`` in safe characters, with a number added if the name is already ``taken``."""
    plain = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in category) or "_"
    stem = name = f"{_cut(photo, LONGEST_NAME // 2)}-{_cut(plain, LONGEST_NAME // 2)}"
    number = 2
    while name.casefold() in taken:
        name = f"{stem}-{number}"
        number += 1
    taken.add(name.casefold())
    return name


def _cut(text: str, length: int) -> str:
    return text.encode(errors="surrogateescape")[:length].decode(errors="ignore")


def _arrays(one: Explanation, counterfactual: bool) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The arrays to write, each with the suffix of its file name."""
    yield "", one.map
    if counterfactual:
        yield "-against", one.against
    if one.guided is not None:
        yield "-guided", one.guided


def _pictures(one: Explanation, counterfactual: bool) -> Iterator[tuple[str, Image.Image]]:
    """The pictures to write, each with the suffix of its file name."""
    yield "", one.overlay()
    if counterfactual:
        yield "-against", one.overlay(counterfactual=True)
    yield "-figure", one.figure(counterfactual=counterfactual)


def _write_array(path: Path, values: NDArray[np.float32]) -> Path:
    with atomic_write(path) as temporary:
        np.save(temporary, values)
    return path


def _write_picture(path: Path, picture: Image.Image) -> Path:
    with atomic_write(path) as temporary:
        picture.save(temporary)
    return path


def _to_json(one: Explanation, answer_score: bool) -> dict[str, object]:
    subject = one.subject
    about = {"category": subject.category} if subject.question is None else {"question": subject.question}
    counted = {} if one.cells is None else {"count_raw": float(one.cells.sum())}
    score = {"answer_score": one.score} if answer_score and subject.question else {}
    return {**about, "heading": subject.heading, **counted, **score, "why_empty": one.why_empty}
