"""Detectors of torchvision: ``torchvision:NAME`` or ``torchvision:NAME@WEIGHTS``."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torchvision.models import detection as architectures
from torchvision.models import get_model_weights, list_models
from torchvision.transforms.functional import pil_to_tensor

from counting.detection.detectors.base import ClassColumns, PhotoBoxes, refuse_categories, split_weights
from counting.networks.backbones import read_state_dict
from counting_datasets.errors import CountingError


class TorchvisionDetector:
    """A torchvision detection model with the names of its classes, by class number."""

    def __init__(self, model: nn.Module, classes: Sequence[str], device: torch.device) -> None:
        self._model = model.to(device)
        self._device = device
        self._columns = ClassColumns.of(classes)
        self.categories = self._columns.categories

    @torch.inference_mode()
    def detect(self, photo: Image.Image) -> PhotoBoxes:
        """The boxes in an RGB photo."""
        return self._columns.boxes(self._model([pil_to_tensor(photo).float().to(self._device) / 255])[0])


def build(name: str, device: torch.device, categories: Sequence[str] = ()) -> TorchvisionDetector:
    """The detector ``NAME`` or ``NAME@WEIGHTS``.

    Raises:
        CountingError: as for ``build_model``, or ``categories`` are given.
    """
    refuse_categories(f"torchvision:{name}", categories)
    return TorchvisionDetector(*build_model(*split_weights(name)), device)


def build_model(name: str, weights: Path | None = None) -> tuple[nn.Module, Sequence[str]]:
    """A torchvision detection model and its class names, which are COCO's.

    ``weights`` is a .safetensors or .pth state dict; the default is torchvision's own weights.

    Raises:
        CountingError: torchvision has no such detector, or the weights are missing or do not match.
    """
    if name not in (known := list_models(module=architectures)):
        raise CountingError(f"unknown torchvision detector {name!r}: use one of {', '.join(known)}")
    pretrained = get_model_weights(name).DEFAULT
    if weights is None:
        try:
            return getattr(architectures, name)(weights=pretrained).eval(), pretrained.meta["categories"]
        except OSError as error:
            raise CountingError(
                f"{name}: cannot download its weights ({error}); give a file: {name}@FILE"
            ) from None
    model = getattr(architectures, name)(weights=None, weights_backbone=None)
    try:
        model.load_state_dict(read_state_dict(weights))
    except RuntimeError as error:
        raise CountingError(
            f"{weights}: not the weights of {name} ({str(error).splitlines()[-1].strip()})"
        ) from None
    return model.eval(), pretrained.meta["categories"]
