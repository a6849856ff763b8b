"""Run a torchvision detector on photos; its boxes are counted like those of a results file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models import detection as architectures
from torchvision.models import get_model_weights, list_models
from torchvision.transforms.functional import pil_to_tensor

from counting.detection.detections import Detections
from counting.networks.backbones import read_state_dict
from counting.tables.count_table import CountTable
from counting.utils.progress import track
from counting_datasets.categories import match_categories
from counting_datasets.errors import CountingError, PhotoError
from counting_datasets.scene import Scene

MIN_SCORE = 0.02
"""Minimum score of a box; lower ones are noise."""


def build_detector(name: str, weights: Path | None = None) -> tuple[nn.Module, Sequence[str]]:
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


def detect_scenes(
    model: nn.Module, classes: Sequence[str], scenes: Sequence[Scene], truth: CountTable, device: torch.device
) -> tuple[Detections, dict[str, str]]:
    """The boxes in the photos of ``scenes``, in the categories of ``truth`` (which has the same photos).

    Also returns the ids of unreadable photos, which are left out, mapped to the reason.
    """
    model = model.to(device)
    match = match_categories(classes, truth.categories)
    row_of = {image: row for row, image in enumerate(truth.images)}
    found: list[tuple[int, int, list[float], float]] = []
    lost: dict[str, str] = {}
    for scene in track(scenes, "detecting"):
        try:
            photo = pil_to_tensor(scene.image()).float() / 255
        except PhotoError as error:
            lost[scene.id] = str(error)
            continue
        with torch.inference_mode():
            output = model([photo.to(device)])[0]
        row = row_of[scene.id]
        found += ((row, match[label], box, score) for label, box, score in _boxes(output) if label in match)
    kept = np.array([image not in lost for image in truth.images])
    return _flat(found, truth).in_photos(np.flatnonzero(kept)), lost


def _boxes(output: dict[str, Any]) -> list[tuple[int, list[float], float]]:
    """(class, box, score) of the boxes with at least ``MIN_SCORE``."""
    rows = zip(output["labels"].tolist(), output["boxes"].tolist(), output["scores"].tolist(), strict=True)
    return [row for row in rows if row[2] >= MIN_SCORE]


def _flat(found: Sequence[tuple[int, int, list[float], float]], truth: CountTable) -> Detections:
    image, category, boxes, scores = zip(*found, strict=True) if found else ((), (), (), ())
    return Detections(
        images=truth.images,
        categories=truth.categories,
        image=np.array(image, dtype=np.int64),
        category=np.array(category, dtype=np.int64),
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        scores=np.array(scores, dtype=np.float64),
        numbers=truth.numbers,
    )
