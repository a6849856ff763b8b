"""Cells: from photos to one feature vector per cell, by pooling or by cropping."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, adaptive_max_pool2d

from counting.inputs.grid import Grid
from counting.networks.backbones import Backbone, fingerprint

Mode = Literal["pool", "crop"]


class Cells(nn.Module):
    """Features of the cells of a photo, computed in one of two modes.

    ``pool`` sends the whole photo through the backbone once and pools the features of each cell. ``crop`` sends
    each cell through the backbone on its own, as in the paper (CEOS), which takes one pass per cell.

    Attributes:
        side: height and width of a photo in pixels; those of a cropped cell are side / grid.side.
        width: length of a cell's feature vector: the mean and the maximum of each channel of each map.
    """

    def __init__(self, backbone: Backbone, grid: Grid, side: int, mode: Mode) -> None:
        super().__init__()
        self.backbone = backbone
        self.grid = grid
        self.side = side
        self.mode = mode
        self.width = 2 * sum(backbone.channels)

    def fingerprint(self) -> str:
        """A digest of all weights that a cell's features depend on."""
        return fingerprint(self.backbone)

    def feature_categories(self) -> NDArray[np.int64]:
        """For each of a cell's ``width`` features, the category that it belongs to; -1 for none."""
        return np.full(self.width, -1)

    def forward(self, images: Tensor) -> Tensor:
        """B×3×side×side normalized photos → B×cells×width, cells row by row."""
        if self.mode == "pool":
            return mean_and_max(self.backbone(images), self.grid.side)
        crops = cut(images, self.grid.side)
        return mean_and_max(self.backbone(crops), 1).reshape(images.shape[0], self.grid.cells, self.width)

    def with_maps(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The features of ``forward``, and the maps that auxiliary losses need, by name; here there are none."""
        return self(images), {}


def mean_and_max(maps: Sequence[Tensor], side: int) -> Tensor:
    """Maps of B×C×h×w → B×side²×Σ2C: the mean and the maximum of each map's channels in each cell.

    Where the edge of a cell cuts a place of the map, the place counts in the mean with the share of it that is in
    the cell, and in full in the maximum.
    """
    pooled = [pool(features, side) for features in maps for pool in (_means, _maxima)]
    return torch.cat(pooled, dim=1).flatten(2).transpose(1, 2)


def _means(features: Tensor, side: int) -> Tensor:
    height, width = features.shape[-2:]
    if height % side == 0 and width % side == 0:
        return adaptive_avg_pool2d(features, side)
    dtype, device = features.dtype, features.device
    rows, columns = (torch.tensor(_shares(n, side), dtype=dtype, device=device) for n in (height, width))
    with torch.autocast(device.type, enabled=False):
        return rows @ features @ columns.T


def _maxima(features: Tensor, side: int) -> Tensor:
    height, width = features.shape[-2:]
    if height % side == 0 and width % side == 0:
        return adaptive_max_pool2d(features, side)
    for axis, places in ((2, height), (3, width)):
        touched = [features.narrow(axis, first, last - first) for first, last in _touched(places, side)]
        features = torch.stack([part.amax(dim=axis) for part in touched], dim=axis)
    return features


def _shares(places: int, side: int) -> NDArray[np.float64]:
    """side×places: the share of a cell's rows, or columns, that is in each row of a map; each cell's sum to 1."""
    cells, edges = np.arange(side)[:, None] * places / side, np.arange(places)
    overlap = np.minimum(cells + places / side, edges + 1) - np.maximum(cells, edges)
    return np.asarray(overlap.clip(min=0) * side / places)


def _touched(places: int, side: int) -> list[tuple[int, int]]:
    """The first row of a map that each cell touches, and the one after the last."""
    return [(cell * places // side, -(-(cell + 1) * places // side)) for cell in range(side)]


def cut(images: Tensor, side: int) -> Tensor:
    """B×C×H×W → (B·side²)×C×(H/side)×(W/side): the cells of each photo, row by row; side divides H and W."""
    batch, channels, height, width = images.shape
    cells = images.reshape(batch, channels, side, height // side, side, width // side)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, height // side, width // side)


def put_together(maps: Tensor, side: int) -> Tensor:
    """The inverse of ``cut``: (B·side²)×C×h×w → B×C×(side·h)×(side·w)."""
    channels, height, width = maps.shape[1:]
    grid = maps.reshape(-1, side, side, channels, height, width)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(-1, channels, side * height, side * width)
