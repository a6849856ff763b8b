"""A calibrated counter of dogs and people that locates, not trained and very small, and photos to ask it about."""

import io
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from PIL import Image
from tiny import tiny_cells, tiny_config

from counting.inputs.photo_sources import PhotoSource
from counting.networks.checkpoint import Checkpoint
from counting.networks.counters import build_counter
from counting.predictor.predictor import Predictor
from counting.predictor.trained_counter import TrainedCounter
from counting.stats.count_distribution import Calibration

CATEGORIES = ("dog", "person")


def tiny_predictor() -> Predictor:
    torch.manual_seed(2)
    counter = build_counter("loc_sub", tiny_cells(3, side=96), CATEGORIES, {"depth": 8, "hidden": 8, "heads": 2})
    weights = torch.tensor([[0.0, 1.0, 0.5, 0.0, 1.0, 0.0]]).repeat(2, 1)
    checkpoint = Checkpoint(counter.eval(), tiny_config(Path()), {}, Calibration(weights, 20))
    return Predictor("tiny", TrainedCounter(checkpoint))


def encoded(seed: int = 0, size: tuple[int, int] = (64, 48), kind: str = "PNG") -> bytes:
    """A photo of coloured noise, different for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(file, kind)
    return file.getvalue()


class Held:
    """A counter that holds each batch until it is released, and fails on some photos."""

    name, categories = "held", ("dog",)

    def __init__(self) -> None:
        self.begun, self.released = Event(), Event()
        self.counted: list[Any] = []

    def stream(self, sources: list[PhotoSource], **options: Any) -> Iterator[Any]:
        self.begun.set()
        self.released.wait()
        for source in sources:
            if source.content == b"poison":
                raise RuntimeError("a bug")
            self.counted.append(source.content)
            yield source.content
