"""The counters that ship: their counts of two pictures stay what they were when they were trained."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from counting.networks.zoo import find_counter

FIXTURE = Path(__file__).parent / "fixtures" / "counts_of_blobs.json"
COUNTS: dict[str, list[list[float]]] = json.loads(FIXTURE.read_text())


def blobs(seed: int) -> Image.Image:
    """A picture of smooth spots of colour."""
    colours = np.random.default_rng(seed).integers(0, 256, size=(6, 8, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((400, 300), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("name", COUNTS)
@torch.inference_mode()
def test_a_shipped_counter_gives_the_same_digits(name: str) -> None:
    counter = find_counter(name, "cpu").counter
    for seed, expected in enumerate(COUNTS[name]):
        found = counter.count(counter.preprocess(blobs(seed))[None])[0]
        np.testing.assert_allclose(found, expected, atol=1e-5)
