"""Detectors of RF-DETR: ``rfdetr:NAME`` or ``rfdetr:NAME@WEIGHTS``, with names such as nano, small or large."""

from collections.abc import Sequence
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
    split_weights,
)
from counting.detection.results_file import COCO_IDS
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.errors import CountingError

_MODEL = "RFDETR"
"""Beginning of the names of the library's models."""


class RfdetrDetector:
    """A model of RF-DETR; one trained on COCO numbers its classes by COCO's category ids."""

    def __init__(self, model: Any) -> None:
        self._model = model
        names = tuple(model.class_names)
        coco = {int(number): name for number, name in COCO_IDS.items()}
        self._columns = ClassColumns.of(coco if set(names) == set(COCO_CATEGORIES) else names)
        self.categories = self._columns.categories

    def detect(self, photo: Image.Image) -> PhotoBoxes:
        """The boxes in an RGB photo."""
        return self._columns.boxes(self._model.predict(photo, threshold=MIN_SCORE, include_source_image=False))


def build(name: str, device: torch.device, categories: Sequence[str] = ()) -> RfdetrDetector:
    """The detector ``NAME`` (nano, small, …), with the library's own weights or those of ``NAME@WEIGHTS``.

    Raises:
        CountingError: rfdetr is not installed, has no such model, or cannot load the weights.
    """
    what = f"rfdetr:{name}"
    refuse_categories(what, categories)
    size, weights = split_weights(name)
    library = import_library("rfdetr", "rfdetr", what)
    models = {
        key.removeprefix(_MODEL).lower(): key
        for key in library.__all__
        if key.startswith(_MODEL) and "Seg" not in key and "Keypoint" not in key
    }
    if size.lower() not in models:
        raise CountingError(f"unknown RF-DETR model {size!r}: use one of {', '.join(models)}")
    options = {} if weights is None else {"pretrain_weights": str(weights)}
    with loading(what):
        return RfdetrDetector(getattr(library, models[size.lower()])(device=str(device), **options))
