"""counting explain"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console

from counting.explain.counts import BACKBONE
from counting.explain.overlay import figure, overlay
from counting.explain.photos import Explanation, explain_photo
from counting.files import atomic_write
from counting.zoo import BEST, find_counter
from counting_datasets.photo import open_photo


def run(arguments: argparse.Namespace) -> int:
    """Write each category's map as an array and over the photo, and say what was found."""
    photo = open_photo(arguments.photo)
    counter = find_counter(arguments.counter or BEST, arguments.device).counter
    explained = explain_photo(
        counter,
        photo,
        list(dict.fromkeys(arguments.category)),
        layer=arguments.layer or BACKBONE,
        method=arguments.method,
        guided=arguments.guided,
    )
    console = Console(highlight=False, soft_wrap=True)
    said = []
    for one in explained:
        stem = f"{arguments.photo.stem}-{one.category.replace(' ', '_')}"
        arrays = dict(_arrays(one, arguments.counterfactual))
        written = [_write_array(arguments.out / f"{stem}{end}.npy", array) for end, array in arrays.items()]
        pictures = dict(_pictures(photo, one, arguments.counterfactual))
        written += [_write_picture(arguments.out / f"{stem}{end}.png", drawn) for end, drawn in pictures.items()]
        said.append(_to_json(one, written))
        if not arguments.json:
            console.print(f"{max(one.score, 0.0):.1f} {one.category}", style="bold")
            if one.why_empty:
                console.print(one.why_empty, markup=False)
            console.print(f"wrote {', '.join(map(str, written))}", markup=False)
    if arguments.json:
        print(json.dumps(said))
    return 0


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


def _to_json(one: Explanation, written: list[Path]) -> dict[str, object]:
    return {
        "category": one.category,
        "count_raw": one.score,
        "why_empty": one.why_empty,
        "files": [str(path) for path in written],
    }
