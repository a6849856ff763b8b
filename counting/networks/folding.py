"""Folding: EfficientNet-Lite0 in fewer operations, for faster inference on a CPU.

Each batch norm becomes part of the convolution before it. Photos and kernels are mirrored, and the maps mirrored
back: 'same' padding puts the odd row and column of a layer with stride 2 at the lower right. At the upper left,
they are the ordinary padding of a convolution, which needs no padded copy of the map.
"""

import copy
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from counting.networks.counters.base import Counter
from counting.networks.efficientnet_lite import EfficientNetLite0

_AXES = (2, 3)


def folded(counter: Counter) -> Counter:
    """A counter with the same counts, but for rounding, that is faster on a CPU.

    It is for inference only: its network has other layers. The other weights are those of ``counter``, not copies.
    A counter that is folded already, is on a GPU or has another backbone is returned as it is.
    """
    on_cpu = next(counter.parameters()).device.type == "cpu"
    kinds = {type(module) for module in counter.modules()}
    if not on_cpu or FoldedLite0 in kinds or EfficientNetLite0 not in kinds:
        return counter
    shared = {id(tensor): tensor for tensor in (*counter.parameters(), *counter.buffers())}
    fast = copy.deepcopy(counter, shared).eval()
    for parent in list(fast.modules()):
        for name, child in parent.named_children():
            if isinstance(child, EfficientNetLite0):
                setattr(parent, name, FoldedLite0(child))
    return fast


class FoldedLite0(nn.Module):
    """The feature maps of a folded network."""

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        for module in list(network.modules()):
            for (layer, convolution), (following, norm) in pairwise(module.named_children()):
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    setattr(module, layer, _fold(convolution, norm))
                    setattr(module, following, nn.Identity())
        self.network = network

    def forward_intermediates(
        self, images: Tensor, indices: Sequence[int], output_fmt: str = "NCHW"
    ) -> tuple[Tensor, list[Tensor]]:
        """As ``EfficientNetLite0.forward_intermediates``."""
        last, maps = self.network.forward_intermediates(images.flip(_AXES), indices)
        return last.flip(_AXES), [one.flip(_AXES) for one in maps]


@torch.no_grad()
def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Both in one convolution, with mirrored kernels, of mirrored maps."""
    one = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,  # type: ignore[arg-type]  # of two numbers
        convolution.stride,  # type: ignore[arg-type]  # of two numbers
        padding=convolution.kernel_size[0] // 2,
        groups=convolution.groups,
        device="meta",
    )
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    weight, bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )
    mirrored = weight.flip(_AXES).contiguous(memory_format=torch.channels_last)
    one.weight, one.bias = (nn.Parameter(tensor, requires_grad=False) for tensor in (mirrored, bias))
    return one
