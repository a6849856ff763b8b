"""Preprocessing of photos for a network: resizing and normalization."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Interpolation = Literal["bilinear", "bicubic"]
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Normalization:
    """The normalization that a backbone was trained with: (pixels in 0–1 − ``mean``) / ``std`` per RGB channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation

    def __call__(self, images: Tensor) -> Tensor:
        """B×3×H×W bytes → B×3×H×W floats."""
        mean = torch.tensor(self.mean, device=images.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(3, 1, 1)
        return (images.float() / 255 - mean) / std


def resize(photo: Image.Image, size: tuple[int, int], resampling: Image.Resampling) -> Image.Image:
    """A photo of ``size`` (width, height), with the same pixels in every version of Pillow.

    Pillow resizes one direction after the other and rounds in between: versions before 13 the width first, later
    ones the height if it shrinks by over twice as many pixels as the width. The order here is that of Pillow 13.
    """
    width, height = size
    fewer_columns, fewer_rows = photo.width - width, photo.height - height
    height_first = fewer_rows > 0 and fewer_rows > 2 * fewer_columns
    between = (photo.width, height) if height_first else (width, photo.height)
    return photo.resize(between, resampling).resize(size, resampling)


def to_square(photo: Image.Image, side: int, interpolation: Interpolation) -> Tensor:
    """A photo stretched to side × side pixels, as 3×side×side bytes."""
    resized = resize(photo, (side, side), RESAMPLING[interpolation])
    return torch.from_numpy(np.array(resized, dtype=np.uint8)).permute(2, 0, 1).contiguous()
