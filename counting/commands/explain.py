"""counting explain"""

import argparse
import json
from pathlib import Path

import numpy as np
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
        name = f"{arguments.photo.stem}-{one.category.replace(' ', '_')}"
        pictures = {name: overlay(photo, one.map)}
        if arguments.counterfactual:
            pictures[f"{name}-against"] = overlay(photo, one.against, against=True)
        pictures[f"{name}-figure"] = figure(photo, one, counterfactual=arguments.counterfactual)
        written = [_write_array(arguments.out / f"{name}.npy", one)]
        for stem, picture in pictures.items():
            written.append(arguments.out / f"{stem}.png")
            with atomic_write(written[-1]) as temporary:
                picture.save(temporary)
        said.append({"category": one.category, "count_raw": one.score, "why_empty": one.why_empty})
        if not arguments.json:
            console.print(f"{max(one.score, 0.0):.1f} {one.category}", style="bold")
            if one.why_empty:
                console.print(one.why_empty)
            console.print(f"wrote {', '.join(map(str, written))}", markup=False)
    if arguments.json:
        print(json.dumps(said))
    return 0


def _write_array(path: Path, explained: Explanation) -> Path:
    """The map as float32, height × width of the photo, 0–1."""
    with atomic_write(path) as temporary:
        np.save(temporary, explained.map)
    return path
