"""The description that an exported file carries: what to feed it, and what its outputs mean."""

import json
from typing import Any

from counting.networks.checkpoint import Checkpoint
from counting.stats.count_distribution import LEVEL

KEY = "counting"
"""The key of the description among a file's metadata."""

FORMAT = "everyday-counting-export/1"


def describe(checkpoint: Checkpoint, name: str) -> dict[str, Any]:
    """The description of a counter called ``name``, ready for JSON.

    ``input`` says how to prepare a photo: resize to side × side pixels with ``interpolation`` (PIL's, with
    antialiasing), divide by 255, subtract ``mean``, divide by ``std``. ``calibration`` is None for an uncalibrated
    counter; its ``weights`` are those of the hurdle model that computes the output ``distribution``.
    """
    counter, calibration = checkpoint.counter, checkpoint.calibration
    normalization = counter.cells.backbone.normalization
    return {
        "format": FORMAT,
        "counter": name,
        "categories": list(counter.categories),
        "grid": counter.grid.side,
        "input": {
            "side": counter.cells.side,
            "interpolation": normalization.interpolation,
            "mean": list(normalization.mean),
            "std": list(normalization.std),
        },
        "calibration": None
        if calibration is None
        else {
            "interval": LEVEL,
            "shown_from": calibration.shown_from,
            "largest": calibration.largest,
            "weights": calibration.weights.detach().tolist(),
        },
    }


def as_json(description: dict[str, Any]) -> str:
    """The description in one line."""
    return json.dumps(description, ensure_ascii=False)
