"""The zoo: trained counters that come with the package, and counters by name or path."""

import json
from pathlib import Path
from typing import Any

import torch

from counting.models.checkpoint import Checkpoint, load
from counting.utils.devices import find_device
from counting_datasets.errors import CountingError

BEST = "voc2007-loc-sub-final"
"""The counter that answers when none is named."""


def zoo_names() -> tuple[str, ...]:
    """The counters that ship."""
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("*.safetensors")))


def read_card(name: str) -> dict[str, Any]:
    """What a counter of the zoo was trained on and how it scored."""
    card: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    return card


def find_counter(name: str, device: str | torch.device | None = None) -> Checkpoint:
    """A counter by its name in the zoo, its run folder or its .safetensors file, ready on ``device``.

    Raises:
        CountingError: there is no such counter or device, or the counter's file is damaged.
    """
    place = find_device(device)
    return load(_weights(name)).to(place)


def _weights(name: str) -> Path:
    path = Path(name)
    if name in zoo_names():
        return Path(__file__).parent / f"{name}.safetensors"
    if path.is_dir():
        best = path / "weights" / "best.safetensors"
        if not best.is_file():
            raise CountingError(f"{name}: no trained counter in this folder (weights/best.safetensors)")
        return best
    if path.suffix == ".safetensors":
        return path
    raise CountingError(
        f"unknown counter {name!r}: see `counting models`, or give a run folder or .safetensors file"
    )
