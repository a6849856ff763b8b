"""Kernels whose results can be differentiated in evaluation mode, and more than once."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def differentiable() -> Iterator[None]:
    """Run what is called in the block by kernels that have first and second derivatives.

    cuDNN's recurrent layers have no gradient in evaluation mode, and never a second one; nor have the fused
    kernels of attention.
    """
    with torch.backends.cudnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
        yield
