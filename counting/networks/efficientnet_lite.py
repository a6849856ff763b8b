"""EfficientNet-Lite0, the default backbone, with the parameter names and outputs of timm's version.

It is built here because importing timm takes longer than counting a photo. (Tan and Le, "EfficientNet", ICML
2019.) The Lite variant has ReLU6 and no squeeze-and-excitation; padding and ε are TensorFlow's.
"""

import math
from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import pad

EPSILON = 1e-3
STEM, HEAD = 32, 1280

STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Number of blocks, depthwise kernel size, stride, expansion and output channels of each stage."""

MAPS = (0, 1, 2, 4, 6)
"""Stages whose outputs are the feature maps of ``forward_intermediates``: the last stage at each resolution."""


class SameConv2d(nn.Conv2d):
    """A convolution without bias and with TensorFlow's 'same' padding."""

    def __init__(self, inputs: int, outputs: int, side: int = 1, stride: int = 1, groups: int = 1) -> None:
        padding = (side - 1) // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, side, stride, padding, groups=groups, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """B×C×h×w → B×C'×⌈h / stride⌉×⌈w / stride⌉."""
        if self.stride[0] > 1:
            height, width = (self._missing(size) for size in images.shape[-2:])
            images = pad(images, (width // 2, width - width // 2, height // 2, height - height // 2))
        return super().forward(images)

    def _missing(self, size: int) -> int:
        side, stride = self.kernel_size[0], self.stride[0]
        return max((math.ceil(size / stride) - 1) * stride + side - size, 0)


class Block(nn.Module):
    """An inverted residual block: expansion (except in the first stage), depthwise convolution, projection."""

    def __init__(self, inputs: int, outputs: int, side: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expands = expansion > 1
        self.skips = stride == 1 and inputs == outputs
        if self.expands:
            self.conv_pw = SameConv2d(inputs, wide)
            self.bn1 = norm(wide)
            self.conv_dw = SameConv2d(wide, wide, side, stride, groups=wide)
            self.bn2 = norm(wide)
            self.conv_pwl = SameConv2d(wide, outputs)
            self.bn3 = norm(outputs)
        else:
            self.conv_dw = SameConv2d(wide, wide, side, stride, groups=wide)
            self.bn1 = norm(wide)
            self.conv_pw = SameConv2d(wide, outputs)
            self.bn2 = norm(outputs)
        self.act = nn.ReLU6(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """B×inputs×h×w → B×outputs×⌈h / stride⌉×⌈w / stride⌉."""
        if self.expands:
            wide = self.act(self.bn1(self.conv_pw(images)))
            projected: Tensor = self.bn3(self.conv_pwl(self.act(self.bn2(self.conv_dw(wide)))))
        else:
            projected = self.bn2(self.conv_pw(self.act(self.bn1(self.conv_dw(images)))))
        return projected + images if self.skips else projected


class EfficientNetLite0(nn.Module):
    """The network with its classifier of 1,000 ImageNet classes.

    Attributes:
        feature_info: channels, reduction and module of each map of ``forward_intermediates``, as in timm.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = SameConv2d(3, STEM, 3, 2)
        self.bn1 = norm(STEM)
        self.act = nn.ReLU6(inplace=True)
        self.blocks = nn.Sequential()
        inputs = STEM
        for blocks, side, stride, expansion, outputs in STAGES:
            first = Block(inputs, outputs, side, stride, expansion)
            rest = [Block(outputs, outputs, side, 1, expansion) for _ in range(blocks - 1)]
            self.blocks.append(nn.Sequential(first, *rest))
            inputs = outputs
        self.conv_head = SameConv2d(inputs, HEAD)
        self.bn2 = norm(HEAD)
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier: nn.Module = nn.Linear(HEAD, 1000)
        self.feature_info = [
            {"num_chs": STAGES[stage][-1], "reduction": 2 ** (level + 1), "module": f"blocks.{stage}"}
            for level, stage in enumerate(MAPS)
        ]

    def reset_classifier(self, classes: int) -> None:
        """Replace the classifier by a new one; by none if ``classes`` is 0."""
        self.classifier = nn.Linear(HEAD, classes) if classes else nn.Identity()

    def forward_intermediates(
        self, images: Tensor, indices: Sequence[int], output_fmt: str = "NCHW"
    ) -> tuple[Tensor, list[Tensor]]:
        """B×3×H×W → the final map, B×1280×H/32×W/32, and the maps at ``indices`` of ``feature_info``."""
        wanted = {MAPS[index] for index in indices}
        maps = []
        values = self.act(self.bn1(self.conv_stem(images)))
        for stage, blocks in enumerate(self.blocks):
            values = blocks(values)
            if stage in wanted:
                maps.append(values)
        return self.act(self.bn2(self.conv_head(values))), maps

    def forward(self, images: Tensor) -> Tensor:
        """B×3×H×W → B×1000 logits."""
        last, _ = self.forward_intermediates(images, ())
        logits: Tensor = self.classifier(self.global_pool(last))
        return logits


def norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalization with TensorFlow's ε."""
    return nn.BatchNorm2d(channels, eps=EPSILON)
