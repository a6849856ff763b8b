"""The zoo: trained counters that come with the package, and counters by name or path."""

from pathlib import Path
from typing import TYPE_CHECKING

from counting.networks.zoo.cards import BEST, FOLDER, read_card, zoo_names
from counting_datasets.errors import CountingError, choices

if TYPE_CHECKING:
    import torch

    from counting.networks.checkpoint import Checkpoint

__all__ = ["BEST", "find_counter", "find_weights", "read_card", "zoo_names"]


def find_counter(name: str, device: "str | torch.device | None" = None) -> "Checkpoint":
    """A counter by its name in the zoo, its run folder or its .safetensors file, ready on ``device``.

    Raises:
        CountingError: there is no such counter or device, or the counter's file is damaged.
    """
    from counting.networks.checkpoint import load
    from counting.utils.devices import find_device

    place = find_device(device)
    return load(find_weights(name)).to(place)


def find_weights(name: str) -> Path:
    """The file of a counter's weights.

    Raises:
        CountingError: there is none.
    """
    path = Path(name)
    if name in zoo_names():
        return FOLDER / f"{name}.safetensors"
    if path.is_dir():
        best = path / "weights" / "best.safetensors"
        if not best.is_file():
            raise CountingError(f"{name}: no trained counter in this folder, it has no weights/best.safetensors")
        return best
    if path.suffix == ".safetensors":
        return path
    raise CountingError(
        f"unknown counter {name!r}: give a run folder, a .safetensors file or a name; {choices(name, zoo_names())}"
    )
