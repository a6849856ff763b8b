"""Contexts in which a model's scores can be differentiated: kernels, evaluation mode and weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def differentiable() -> Iterator[None]:
    """Use only kernels with first and second derivatives in the block.

    cuDNN's recurrent layers have no gradient in evaluation mode and never a second derivative; fused attention
    kernels have no second derivative.
    """
    with torch.backends.cudnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
        yield


@contextmanager
def evaluation_mode(*models: nn.Module) -> Iterator[None]:
    """Put ``models`` in evaluation mode for the block, and restore every module's mode afterwards."""
    modes = [(module, module.training) for model in models for module in model.modules()]
    try:
        for model in models:
            model.eval()
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def ordinary_weights(*models: nn.Module) -> Iterator[None]:
    """Replace weights and buffers created in inference mode, which autograd rejects, by copies for the block.

    Gradients reach the copies. A model with ordinary weights is not changed.
    """
    replaced: list[tuple[nn.Module, str, torch.Tensor]] = []
    try:
        with torch.inference_mode(False):
            for module in [module for model in models for module in model.modules()]:
                for name, weight in list(module.named_parameters(recurse=False)):
                    if weight.is_inference():
                        replaced.append((module, name, weight))
                        setattr(module, name, nn.Parameter(weight.clone(), requires_grad=weight.requires_grad))
                for name, buffer in list(module.named_buffers(recurse=False)):
                    if buffer.is_inference():
                        replaced.append((module, name, buffer))
                        setattr(module, name, buffer.clone())
        yield
    finally:
        for module, name, original in replaced:
            setattr(module, name, original)
