"""Detectors of ultralytics, such as YOLO: ``ultralytics:FILE`` (a .pt file, or one that it exported)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from counting.detection.detectors.base import (
    MIN_SCORE,
    ClassColumns,
    PhotoBoxes,
    import_library,
    loading,
    refuse_categories,
)
from counting_datasets.errors import CountingError

TASKS = ("detect", "segment", "pose")
"""Tasks of ultralytics whose models give upright boxes."""


class UltralyticsDetector:
    """A model of ultralytics, with the classes that its file names."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self._model = model
        self._device = str(device)
        self._columns = ClassColumns.of(model.names)
        self.categories = self._columns.categories

    def detect(self, photo: Image.Image) -> PhotoBoxes:
        """The boxes in an RGB photo."""
        (result,) = self._model.predict(photo, conf=MIN_SCORE, device=self._device, verbose=False)
        return self._columns.boxes(result)


def build(name: str, device: torch.device, categories: Sequence[str] = ()) -> UltralyticsDetector:
    """The detector in the file ``name``. Nothing is downloaded, installed or sent.

    Raises:
        CountingError: there is no such file, it is not a detector, or ultralytics is not installed.
    """
    what = f"ultralytics:{name}"
    refuse_categories(what, categories)
    file = Path(name).expanduser()
    if not name or not file.exists():
        raise CountingError(f"{what}: no such file")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    library = import_library("ultralytics", "ultralytics", what)
    with loading(what):
        model = library.YOLO(str(file))
        if model.task not in TASKS:
            raise CountingError(f"{what}: a model for the task {model.task!r}, not a detector")
        return UltralyticsDetector(model, device)
