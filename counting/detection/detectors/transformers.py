"""Detectors of Hugging Face transformers: ``transformers:MODEL``, a folder or a name on the hub.

Models with classes of their own (DETR, RT-DETR, YOLOS, …) count those; zero-shot models (OWL-ViT, Grounding DINO,
OmDet-Turbo) count the categories that the user names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image

from counting.detection.adapters import parts_of
from counting.detection.detectors.base import (
    MIN_SCORE,
    ClassColumns,
    PhotoBoxes,
    import_library,
    loading,
    refuse_categories,
)
from counting.detection.detectors.registry import WordsNeededError
from counting_datasets.categories import canonical


class TransformersDetector:
    """A model with classes of its own."""

    def __init__(self, model: Any, processor: Any, device: torch.device) -> None:
        self._model, self._processor, self._device = model.to(device).eval(), processor, device
        self._columns = ClassColumns.of(model.config.id2label)
        self.categories = self._columns.categories

    @torch.inference_mode()
    def detect(self, photo: Image.Image) -> PhotoBoxes:
        """The boxes in an RGB photo."""
        inputs = self._processor(images=photo, return_tensors="pt").to(self._device)
        (found,) = self._processor.post_process_object_detection(
            self._model(**inputs), threshold=MIN_SCORE, target_sizes=[photo.size[::-1]]
        )
        return self._columns.boxes(found)


class ZeroShotDetector:
    """A model that finds what it is told to, in words."""

    def __init__(self, model: Any, processor: Any, device: torch.device, categories: Sequence[str]) -> None:
        self._model, self._processor, self._device = model.to(device).eval(), processor, device
        self._columns = ClassColumns.of(categories)
        self.categories = self._columns.categories

    @torch.inference_mode()
    def detect(self, photo: Image.Image) -> PhotoBoxes:
        """The boxes in an RGB photo."""
        words = [list(self.categories)]
        inputs = self._processor(images=photo, text=words, truncation=True, return_tensors="pt").to(self._device)
        (found,) = self._processor.post_process_grounded_object_detection(
            self._model(**inputs), threshold=MIN_SCORE, target_sizes=[photo.size[::-1]], text_labels=words
        )
        corners, scores, _ = parts_of({**found, "labels": torch.zeros(len(found["scores"]))})
        labels = [self._column(text) for text in _texts(found)]
        return self._columns.of_arrays(corners, scores, torch.tensor(labels, dtype=torch.float64).numpy())

    def _column(self, text: str) -> int:
        """The category that a label means; −1 for none. Grounding DINO may give a part of it or more than one."""
        said = canonical(text)
        names = [canonical(name) for name in self.categories]
        if said in names:
            return names.index(said)
        inside = [k for k, name in enumerate(names) if said and (f" {name} " in f" {said} ")]
        return inside[0] if len(inside) == 1 else -1


def _texts(found: Mapping[str, Any]) -> list[str]:
    texts = found.get("text_labels")
    return [str(text) for text in (found["labels"] if texts is None else texts)]


def build(
    name: str, device: torch.device, categories: Sequence[str] = ()
) -> TransformersDetector | ZeroShotDetector:
    """The detector in the folder, or of the name on the hub, ``name``.

    Raises:
        CountingError: transformers is not installed, there is no such model, it is not a detector, or a zero-shot
            model is given no ``categories``.
    """
    what = f"transformers:{name}"
    library = import_library("transformers", "transformers", what)
    with loading(what):
        config = library.AutoConfig.from_pretrained(name)
        if type(config) in library.MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING:
            if not categories:
                raise WordsNeededError(f'{what} finds what you name: add --categories "apple, traffic cone"')
            model = library.AutoModelForZeroShotObjectDetection.from_pretrained(name)
            return ZeroShotDetector(model, library.AutoProcessor.from_pretrained(name), device, categories)
        refuse_categories(what, categories)
        model = library.AutoModelForObjectDetection.from_pretrained(name)
        return TransformersDetector(model, library.AutoImageProcessor.from_pretrained(name), device)
