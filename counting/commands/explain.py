"""counting explain"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from counting.explain.counts import BACKBONE
from counting.explain.overlay import figure, overlay
from counting.explain.photos import Explanation, explain_photo
from counting.models.checkpoint import Checkpoint
from counting.models.zoo import BEST, find_counter
from counting.utils.files import atomic_write
from counting_datasets.errors import CountingError
from counting_datasets.photo import open_photo


def run(arguments: argparse.Namespace) -> int:
    """Write each category's map as an array and over the photo, and say what was found."""
    if not arguments.category and not arguments.question:
        raise CountingError('say what to explain: --category NAME or --question "how many …?"')
    photo = open_photo(arguments.photo)
    explained = list(_explained(arguments, photo))
    console = Console(highlight=False, soft_wrap=True)
    said = []
    for one in explained:
        name = "answer" if one.category == arguments.question else one.category.replace(" ", "_")
        stem = f"{arguments.photo.stem}-{name}"
        arrays = dict(_arrays(one, arguments.counterfactual))
        written = [_write_array(arguments.out / f"{stem}{end}.npy", array) for end, array in arrays.items()]
        pictures = dict(_pictures(photo, one, arguments.counterfactual))
        written += [_write_picture(arguments.out / f"{stem}{end}.png", drawn) for end, drawn in pictures.items()]
        said.append({**_to_json(one, arguments.question), "files": [str(path) for path in written]})
        if not arguments.json:
            console.print(one.said, style="bold", markup=False)
            if one.why_empty:
                console.print(one.why_empty, markup=False)
            console.print(f"wrote {', '.join(map(str, written))}", markup=False)
    if arguments.json:
        print(json.dumps(said))
    return 0


def _explained(arguments: argparse.Namespace, photo: Image.Image) -> Iterator[Explanation]:
    checkpoint = find_counter(arguments.counter or BEST, arguments.device)
    layer = arguments.layer or BACKBONE
    if arguments.category:
        categories = list(dict.fromkeys(arguments.category))
        explained = explain_photo(
            checkpoint.counter, photo, categories, layer=layer, method=arguments.method, guided=arguments.guided
        )
        yield from (_in_words(one, checkpoint) for one in explained)
    if arguments.question:
        from counting.explain.answers import explain_answer

        yield explain_answer(checkpoint, photo, arguments.question, layer=layer, method=arguments.method)


def _in_words(one: Explanation, checkpoint: Checkpoint) -> Explanation:
    """The explanation with the count as every command says it."""
    if one.cells is None:
        return one
    categories = checkpoint.counter.categories
    raw = np.zeros(len(categories))
    raw[categories.index(one.category)] = one.cells.sum()
    guess = checkpoint.guesses(raw)[categories.index(one.category)]
    return replace(one, said=f"{guess.words(one.category)}; the cells add up to {raw.sum():.1f} {one.category}")


def _arrays(one: Explanation, counterfactual: bool) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """What a file's name ends in, and what is in it."""
    yield "", one.map
    if counterfactual:
        yield "-against", one.against
    if one.guided is not None:
        yield "-guided", one.guided


def _pictures(photo: Image.Image, one: Explanation, counterfactual: bool) -> Iterator[tuple[str, Image.Image]]:
    yield "", overlay(photo, one.map)
    if counterfactual:
        yield "-against", overlay(photo, one.against, against=True)
    yield "-figure", figure(photo, one, counterfactual=counterfactual)


def _write_array(path: Path, values: NDArray[np.float32]) -> Path:
    with atomic_write(path) as temporary:
        np.save(temporary, values)
    return path


def _write_picture(path: Path, picture: Image.Image) -> Path:
    with atomic_write(path) as temporary:
        picture.save(temporary)
    return path


def _to_json(one: Explanation, question: str | None) -> dict[str, object]:
    if one.category == question:
        return {"question": question, "said": one.said, "logit": one.score, "why_empty": one.why_empty}
    raw = one.score if one.cells is None else float(one.cells.sum())
    return {"category": one.category, "count_raw": raw, "why_empty": one.why_empty}
