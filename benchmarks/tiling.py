"""Counts of large photos in tiles, beside those of the whole photo.

    python benchmarks/tiling.py --root $COUNTING_DATA/coco --scene photo --scenes 80 --tile 2
    python benchmarks/tiling.py --root $COUNTING_DATA/coco --scene small --scenes 40
    python benchmarks/tiling.py --root $COUNTING_DATA/coco --scene montage-3 --scenes 10

Scenes are made of real photos, so their true counts are known: ``photo`` is a photo as it is; ``small`` a photo of
427 × 320 pixels on a blurred background of 1280 × 960; ``montage-N`` is N × N photos of 640 × 480 pixels. Only
photos without crowds and of at least 400 pixels on the longer side are used, and only the objects of categories
that the counter knows. Differences have 95 % bootstrap intervals over scenes.
"""

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import counting
from counting.stats.bootstrap import paired
from counting.utils.progress import follow
from counting_datasets.catalog import Place, load
from counting_datasets.categories import canonical
from counting_datasets.scene import Scene

SIZE = (640, 480)
"""Pixels of a photo in a montage."""

SMALL, CANVAS = (427, 320), (1280, 960)
"""Pixels of a small photo and of its background."""

LEAST_SIDE = 400
"""Smallest longer side of a photo."""

Counts = NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counter", default=None, help="a counter that locates (default: the default counter)")
    parser.add_argument("--root", type=Path, required=True, help="a folder in COCO's layout")
    parser.add_argument("--split", default="val2014_subset")
    parser.add_argument("--scene", default="photo", help="photo, small, montage-2, montage-3, …")
    parser.add_argument("--scenes", type=int, default=40, metavar="N", help="number of scenes")
    parser.add_argument("--tile", default="auto", help="auto or a number of tiles")
    arguments = parser.parse_args()
    tile = "auto" if arguments.tile == "auto" else int(arguments.tile)
    counter = counting.load(arguments.counter)
    scenes = load("coco", arguments.split, Place(arguments.root))
    usable = [scene for scene in scenes if max(scene.size) >= LEAST_SIDE and not scene.crowd.any()]
    true, whole, tiled = [], [], []
    made = islice(made_of(usable, arguments.scene, counter.categories), arguments.scenes)
    for photo, counts in follow(made, "counting", arguments.scenes):
        true.append(counts)
        whole.append([one.count for one in counter.count(photo)])
        tiled.append([one.count for one in counter.count(photo, tile=tile)])
    report(np.array(true), np.array(whole), np.array(tiled))


def made_of(scenes: list[Scene], kind: str, categories: tuple[str, ...]) -> Iterator[tuple[Image.Image, Counts]]:
    """Photos with their true counts, each of scenes drawn without replacement until all have been drawn."""
    random = np.random.default_rng(0)
    number = int(kind.removeprefix("montage-")) ** 2 if kind.startswith("montage-") else 1
    drawn: list[Scene] = []
    while True:
        while len(drawn) < number:
            drawn += [scenes[index] for index in random.permutation(len(scenes))]
        chosen, drawn = drawn[:number], drawn[number:]
        counts = np.sum([known_counts(scene, categories) for scene in chosen], axis=0)
        if not counts.any():
            continue
        if kind == "photo":
            yield chosen[0].image(), counts
        elif kind == "small":
            yield small(chosen[0].image(), random), counts
        else:
            yield montage([scene.image() for scene in chosen]), counts


def known_counts(scene: Scene, categories: tuple[str, ...]) -> Counts:
    """The counts of the counter's categories."""
    columns = {canonical(name): k for k, name in enumerate(categories)}
    names = [canonical(scene.categories[label]) for label in scene.labels]
    return np.bincount([columns[name] for name in names if name in columns], minlength=len(categories))


def small(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """The photo, made small, somewhere on a blurred background."""
    canvas = photo.resize((16, 12)).resize(CANVAS, Image.Resampling.BICUBIC)
    x, y = (int(random.integers(0, whole - part)) for whole, part in zip(CANVAS, SMALL, strict=True))
    canvas.paste(photo.resize(SMALL, Image.Resampling.BICUBIC), (x, y))
    return canvas


def montage(photos: list[Image.Image]) -> Image.Image:
    """The photos in as many rows as columns."""
    side = round(len(photos) ** 0.5)
    canvas = Image.new("RGB", (SIZE[0] * side, SIZE[1] * side))
    for number, photo in enumerate(photos):
        row, column = divmod(number, side)
        canvas.paste(photo.resize(SIZE, Image.Resampling.BICUBIC), (column * SIZE[0], row * SIZE[1]))
    return canvas


def report(true: Counts, whole: Counts, tiled: Counts) -> None:
    """Print the errors of both ways to count and their differences."""
    terms = []
    for counts in (tiled, whole):
        error = np.abs(counts - true).astype(np.float64)
        terms.append(np.column_stack([np.ones(len(true)), error.mean(axis=1), (error**2).mean(axis=1)]))
    differences = paired(
        (terms[0], terms[1]),
        lambda sums: np.column_stack([sums[:, 1] / sums[:, 0], np.sqrt(sums[:, 2] / sums[:, 0])]),
    )
    print(f"{len(true)} scenes, {true.sum()} objects; counted {whole.sum()} whole, {tiled.sum()} in tiles")
    values = [(each[:, 1].mean(), np.sqrt(each[:, 2].mean())) for each in terms]
    for name, new, old, change in zip(("mean error", "RMSE"), *values, differences, strict=True):
        interval = f"[{change.interval.low:+.3f}, {change.interval.high:+.3f}]"
        print(f"{name:10}  whole {old:.3f}  tiles {new:.3f}  difference {change.difference:+.3f} {interval}")


if __name__ == "__main__":
    main()
