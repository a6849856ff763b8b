"""Write the hash and the counts of each shipped counter, which tests compare with: python -m recipes.pin_counters

Names that are listed already are left as they are: a released name keeps its weights.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from counting.networks.zoo import find_counter, find_weights, zoo_names
from counting.utils.files import write_json
from counting_datasets.generated.writing import draw_scene

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "tests" / "fixtures" / "shipped_counters.json"
DECIMALS = 5


def pictures() -> Iterator[Image.Image]:
    """Five pictures: two photos, a drawn scene, and two of smooth spots of colour."""
    for photo in ("astronaut", "cat"):
        yield Image.open(ROOT / "docs" / "photos" / f"{photo}.jpg").convert("RGB")
    yield draw_scene(0).image
    for seed in range(2):
        colours = np.random.default_rng(seed).integers(0, 256, size=(6, 8, 3), dtype=np.uint8)
        yield Image.fromarray(colours).resize((400, 300), Image.Resampling.BICUBIC)


def sha256(name: str) -> str:
    """The SHA-256 of a counter's file."""
    return hashlib.sha256(find_weights(name).read_bytes()).hexdigest()


@torch.inference_mode()
def counts(name: str) -> list[list[float]]:
    """Pictures × categories raw counts, on the CPU."""
    counter = find_counter(name, "cpu").counter
    images = torch.stack([counter.preprocess(picture) for picture in pictures()])
    found: list[list[float]] = np.asarray(counter.count(images), dtype=np.float64).round(DECIMALS).tolist()
    return found


def main() -> int:
    pinned = json.loads(FIXTURE.read_text(encoding="utf-8")) if FIXTURE.is_file() else {}
    new = [name for name in zoo_names() if name not in pinned]
    for name in new:
        pinned[name] = {"sha256": sha256(name), "counts": counts(name)}
    write_json(FIXTURE, dict(sorted(pinned.items())))
    print("added:", *new or ["none"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
