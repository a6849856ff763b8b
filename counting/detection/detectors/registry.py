"""The families of detectors by their prefix: ``torchvision:NAME``, ``ultralytics:FILE``, …"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from counting_datasets.errors import CountingError

if TYPE_CHECKING:
    import torch

    from counting.detection.detectors.base import Detector

FAMILIES = {name: f"counting.detection.detectors.{name}" for name in (
    "torchvision", "ultralytics", "rfdetr", "transformers", "onnx"
)}  # fmt: skip
"""Prefix of a detector's name → the module whose function ``build`` makes it."""

COUNTER_FILE = ".counter.json"
"""Ending of the files that `counting fit` writes."""


def is_detector(what: str) -> bool:
    """Whether ``what`` names a detector."""
    family, colon, _ = what.partition(":")
    return bool(colon) and family in FAMILIES


def split_counter_file(what: str) -> tuple[str, Path | None]:
    """The detector or results file and the fitted counter in ``WHAT`` or ``WHAT+FILE.counter.json``."""
    if not what.lower().endswith(COUNTER_FILE):
        return what, None
    places = [place for place, letter in enumerate(what) if letter == "+"]
    splits = [(what[:place], Path(what[place + 1 :]).expanduser()) for place in places if place]
    return next((split for split in splits if split[1].is_file()), splits[-1] if splits else (what, None))


class WordsNeededError(CountingError):
    """A zero-shot detector was not told what to find."""


def find_detector(
    what: str,
    device: "str | torch.device | None" = None,
    categories: Sequence[str] = (),
    default_categories: Sequence[str] = (),
) -> "Detector":
    """The detector called ``what``, ready on ``device``; ``categories`` are the words for a zero-shot detector.

    ``default_categories`` are its words if there are no ``categories``; other detectors ignore them.

    Raises:
        CountingError: its library is not installed, there is no such detector, file or device, or a detector with
            classes of its own is given ``categories``.
    """
    from counting.utils.devices import find_device

    family, _, name = what.partition(":")
    build, place = import_module(FAMILIES[family]).build, find_device(device)
    try:
        detector: Detector = build(name, place, tuple(categories))
    except WordsNeededError:
        if not default_categories:
            raise
        detector = build(name, place, tuple(default_categories))
    return detector
