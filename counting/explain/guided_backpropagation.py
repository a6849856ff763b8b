"""Guided backpropagation, and Guided Grad-CAM, which shows its fine detail where the Grad-CAM map is high."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from counting.explain.grad_cam import checked_scores, to_size
from counting.explain.layer_recording import gradients
from counting.utils.derivatives import differentiable, evaluation_mode, ordinary_weights
from counting_datasets.errors import CountingError

RECTIFIERS = (nn.ReLU, nn.ReLU6)


def guided_backpropagation(model: nn.Module, images: Tensor, scores: Callable[[Tensor], Tensor]) -> Tensor:
    """B×T×(image) gradients of B×T ``scores`` with respect to the images; ReLUs pass only positive gradients.

    (Springenberg et al., 2015.) ReLU and ReLU6 modules are guided; through every other activation (sigmoid, tanh,
    SiLU, GELU, a ReLU called as a function) the gradient passes unchanged. The model is put in evaluation
    mode meanwhile.

    Raises:
        CountingError: the model has no ReLU module.
    """
    with (
        evaluation_mode(model),
        differentiable(),
        torch.inference_mode(False),
        torch.enable_grad(),
        ordinary_weights(model),
        _guided(model),
    ):
        pixels = images.detach().clone().requires_grad_()
        (found,) = gradients(checked_scores(scores(model(pixels)), len(images)), [pixels])
    return found


def guided_grad_cam(maps: Tensor, guided: Tensor) -> Tensor:
    """B×T×h×w Grad-CAM maps times B×T×3×H×W guided backpropagation → B×T×3×H×W."""
    height, width = guided.shape[-2:]
    return to_size(maps, height, width)[:, :, None] * guided


@contextmanager
def _guided(model: nn.Module) -> Iterator[None]:
    rectifiers = [module for module in model.modules() if isinstance(module, RECTIFIERS)]
    if not rectifiers:
        raise CountingError("guided backpropagation needs ReLU modules, and this model has none")
    handles = [module.register_forward_hook(_gate) for module in rectifiers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _gate(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    gated: Tensor = _PositiveGradient.apply(output)  # the rectifier's own backward does the rest
    return gated


class _PositiveGradient(torch.autograd.Function):
    """The identity, whose backward pass lets only positive gradients through."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].clamp(min=0)
