"""Weights in less space: in half precision, or as 8-bit integers with one scale for each output channel."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

Precision = Literal["single", "half", "int8"]

SMALLEST = 4096
"""Number of values from which a tensor is stored as 8-bit integers; smaller ones are stored in half precision."""

_SCALE = ":scale"


def compact(weights: Mapping[str, Tensor], precision: Precision) -> dict[str, Tensor]:
    """The tensors to store for ``weights``; ``expand`` restores them, rounded."""
    stored: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if precision == "single" or not tensor.is_floating_point():
            stored[name] = tensor
        elif precision == "int8" and tensor.ndim > 1 and tensor.numel() >= SMALLEST:
            stored |= _as_integers(name, tensor)
        else:
            stored[name] = tensor.half()
    return stored


def _as_integers(name: str, tensor: Tensor) -> dict[str, Tensor]:
    largest = tensor.flatten(1).abs().amax(dim=1).clamp(min=1e-6)
    scale = (largest / 127).half().view(-1, *[1] * (tensor.ndim - 1))
    return {name: (tensor / scale.float()).round().clamp(-127, 127).to(torch.int8), name + _SCALE: scale}


def expand(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights that ``compact`` stored, in single precision."""
    weights = {name: tensor for name, tensor in stored.items() if not name.endswith(_SCALE)}
    for name, scale in stored.items():
        if (of := name.removesuffix(_SCALE)) != name and of in weights:
            weights[of] = weights[of].float() * scale.float()
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
