"""Names and cards of the zoo's counters, read without importing torch."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

BEST = "everyday80"
"""Name of the default counter."""


def zoo_names() -> tuple[str, ...]:
    """Names of the counters that come with the package."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.safetensors")))


def read_card(name: str) -> dict[str, Any]:
    """The card of a counter: what it was trained on and how it scored."""
    card: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return card


def read_categories(weights: Path) -> tuple[str, ...] | None:
    """The categories in the header of a .safetensors file; None if they cannot be read."""
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, weights.stat().st_size)))
        return tuple(map(str, json.loads(header["__metadata__"]["categories"])))
    except (OSError, ValueError, KeyError, TypeError, MemoryError):
        return None


def models() -> dict[str, dict[str, Any]]:
    """Name of each counter that comes with the package → its card: what it was trained on and how it scored."""
    return {name: read_card(name) for name in zoo_names()}
