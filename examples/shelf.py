"""A shelf with products of your own: train a counter on photos of it, and list what has to be restocked.

    python examples/shelf.py

The photos are drawn here, so that the example runs anywhere in a few minutes. For your own shelf, put photos with
boxes in VOC's or COCO's format into ``shelf/photos`` instead, and name the products in ``PRODUCTS``.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import counting
from counting.cli import main as run

FOLDER = Path("shelf")
PRODUCTS = {"jar": "#8d3b2f", "carton": "#3f7fb5", "can": "#7c8a3a"}
"""The categories of this shelf, and the colour in which they are drawn."""
ENOUGH = 3
"""Restock a product when fewer of it are expected on the shelf."""

SIDE, BOARDS, PLACES = 288, 3, 5
Box = tuple[int, int, int, int]

CONFIG = """
counter: aso_sub
data: {name: coco, root: shelf/photos}
cells: {grid: 3, side: 288}
head: {hidden: [250], dropout: 0.2}
optimization: {views: 2, epochs: 40}
"""


def draw_shelf(rng: np.random.Generator) -> tuple[Image.Image, list[tuple[str, Box]]]:
    """A picture of a shelf, and the products on it with their boxes (x0, y0, x1, y1)."""
    wall = int(rng.integers(190, 235))
    picture = Image.new("RGB", (SIDE, SIDE), (wall, wall - 8, wall - 20))
    draw = ImageDraw.Draw(picture)
    products = []
    for board in range(BOARDS):
        floor = (board + 1) * SIDE // BOARDS - 8
        draw.rectangle((0, floor, SIDE, floor + 7), fill="#6b4a2f")
        for place in range(PLACES):
            if rng.random() < 0.45:
                continue
            name = str(rng.choice(list(PRODUCTS)))
            width, height = rng.integers(28, 42), rng.integers(46, 70)
            x0 = int(place * SIDE / PLACES + rng.integers(4, 14))
            box = (x0, int(floor - height), int(x0 + width), floor)
            draw_product(draw, name, box)
            products.append((name, box))
    return picture, products


def draw_product(draw: ImageDraw.ImageDraw, name: str, box: Box) -> None:
    x0, y0, x1, y1 = box
    if name == "jar":
        draw.rounded_rectangle((x0, y0 + 8, x1, y1), 9, fill=PRODUCTS[name])
        draw.rectangle((x0 + 4, y0, x1 - 4, y0 + 9), fill="#d9d2c5")
    elif name == "carton":
        draw.rectangle((x0, y0 + 12, x1, y1), fill=PRODUCTS[name])
        draw.polygon(((x0, y0 + 12), ((x0 + x1) // 2, y0), (x1, y0 + 12)), fill="#e8edf2")
    else:
        draw.rectangle((x0, y0 + 5, x1, y1), fill=PRODUCTS[name])
        draw.ellipse((x0, y0, x1, y0 + 10), fill="#c9ced2")


def write_photos(split: str, photos: int, seed: int) -> None:
    """Draw the photos of a split, in COCO's format."""
    rng = np.random.default_rng(seed)
    folder = FOLDER / "photos" / "images" / split
    folder.mkdir(parents=True, exist_ok=True)
    categories = [{"id": k, "name": name} for k, name in enumerate(PRODUCTS, start=1)]
    ids = {category["name"]: category["id"] for category in categories}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, photos + 1):
        picture, products = draw_shelf(rng)
        name = f"{number:04}.jpg"
        picture.save(folder / name)
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
        for product, (x0, y0, x1, y1) in products:
            box = [x0, y0, x1 - x0, y1 - y0]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": ids[product], "bbox": box}
            )
    file = FOLDER / "photos" / "annotations" / f"instances_{split}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def to_restock(photo: Path, counter: counting.Predictor) -> Iterator[str]:
    """What to restock, with the counts that say so."""
    result = counter.count(photo)
    for name in PRODUCTS:
        found = result[name]
        if found.expected < ENOUGH:
            yield f"{name}: {found.count} on the shelf (80 % interval {found.low}–{found.high})"


def main() -> int:
    for seed, (split, photos) in enumerate({"train": 100, "val": 40, "test": 20}.items()):
        write_photos(split, photos, seed)
    config = FOLDER / "shelf.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    data = ["--data", "coco", "--root", str(FOLDER / "photos"), "--split", "test"]
    if code := run(["train", str(config)]) or run(["evaluate", "runs/shelf", *data]):
        return code
    counter = counting.load("runs/shelf")
    for photo in sorted((FOLDER / "photos" / "images" / "test").glob("*.jpg"))[:3]:
        print(f"{photo.name}: restock")
        for line in to_restock(photo, counter):
            print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
