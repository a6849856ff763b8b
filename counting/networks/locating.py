"""Locating: maps of the centres of each category's objects, the loss that trains them, and their peaks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate, logsigmoid, pad

from counting.inputs.views import View
from counting.networks.backbones import fingerprint
from counting.networks.cells import Cells, cut, mean_and_max, put_together
from counting.utils.derivatives import evaluation_mode
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene

SPREAD, LEAST_SPREAD = 0.1, 0.4
"""Standard deviation of a centre's bump: a share of the box's side, and its minimum in places."""

GROUPS = 8
"""Number of groups in which the channels of the neck's map are normalized."""

RARE = 0.02
"""Probability of a centre at each place before training."""

FAINT = 0.1
"""The lowest centre probability of a point, where a category has a higher peak."""


class Neck(nn.Module):
    """Merges a backbone's maps into one of the last but one's size: detail from finer maps, context from the last.

    ``channels`` are the maps' depths, the finest first; each has half the side of the one before.
    """

    def __init__(self, channels: Sequence[int], depth: int) -> None:
        super().__init__()
        self.chosen = max(0, len(channels) - 2)
        self.lateral = nn.ModuleList(
            nn.Conv2d(width, depth, 3, stride=2 ** (self.chosen - level), padding=1)
            if level < self.chosen
            else nn.Conv2d(width, depth, 1)
            for level, width in enumerate(channels)
        )
        self.refine = nn.Sequential(
            *_norm_and_relu(depth),
            nn.Conv2d(depth, depth, 3, padding=1),
            *_norm_and_relu(depth),
            nn.Conv2d(depth, depth, 3, padding=1),
            *_norm_and_relu(depth),
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """B×channels[i]×h×w for each i → B×depth×h×w, h and w as of the last map but one."""
        size = maps[self.chosen].shape[-2:]
        alike = [interpolate(lateral(one), size) for lateral, one in zip(self.lateral, maps, strict=True)]
        refined: Tensor = self.refine(torch.stack(alike).sum(dim=0))
        return refined


def _norm_and_relu(depth: int) -> tuple[nn.Module, nn.Module]:
    return nn.GroupNorm(GROUPS, depth), nn.ReLU()


class LocatedCells(Cells):
    """Cells that also locate the centres of objects.

    A cell's features are the mean and maximum of the neck's map, of the backbone's last map and of every
    category's centre probability, and two soft counts of each category: the sum of the probability's peaks, and
    that of their squares.
    """

    def __init__(self, cells: Cells, categories: int, depth: int) -> None:
        super().__init__(cells.backbone, cells.grid, cells.side, cells.mode)
        self.neck = Neck(cells.backbone.channels, depth)
        self.centres = nn.Conv2d(depth, categories, 1)
        nn.init.normal_(self.centres.weight, std=0.01)
        nn.init.constant_(self.centres.bias, math.log(RARE / (1 - RARE)))  # type: ignore[arg-type]  # it has a bias
        self.width = 2 * (depth + cells.backbone.channels[-1] + categories) + 2 * categories

    def feature_categories(self) -> NDArray[np.int64]:
        """The last four blocks are of the categories: mean, maximum, and the two soft counts."""
        categories = self.centres.out_channels
        of_maps = np.full(self.width - 4 * categories, -1)
        return np.concatenate([of_maps, *[np.arange(categories)] * 4])

    def fingerprint(self) -> str:
        """A digest of all weights that a cell's features depend on."""
        return fingerprint(self.backbone, self.neck, self.centres)

    def forward(self, images: Tensor) -> Tensor:
        """B×3×side×side normalized photos → B×cells×width; the last 2K features are the soft counts."""
        features, _ = self.with_maps(images)
        return features

    def with_maps(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """B×3×side×side normalized photos → B×cells×width, and "centres": the B×K×h×w logits of centres."""
        if self.mode == "pool":
            features, logits = self._located(images, self.grid.side)
            return features, {"centres": logits}
        features, logits = self._located(cut(images, self.grid.side), 1)
        of_cells = features.reshape(images.shape[0], self.grid.cells, -1)
        return of_cells, {"centres": put_together(logits, self.grid.side)}

    def _located(self, images: Tensor, side: int) -> tuple[Tensor, Tensor]:
        return self.locate(self.backbone(images), side)

    def locate(self, maps: Sequence[Tensor], side: int) -> tuple[Tensor, Tensor]:
        """The backbone's maps → features of side² cells, and the logits of a centre in each place.

        The last layer runs in the precision of its weights, also under autocast: logits in half precision are
        equal in many neighbouring places.
        """
        merged = self.neck(maps)
        with torch.autocast(merged.device.type, enabled=False):
            logits = self.centres(merged.to(self.centres.weight.dtype)).float()
        probable = logits.sigmoid()
        features = mean_and_max([merged.float(), maps[-1].float(), probable], side)
        return torch.cat([features, soft_counts(probable, side)], dim=2), logits

    def points(self, logits: Tensor) -> list[list[NDArray[np.float64]]]:
        """B×K×h×w logits of centres → for each photo, for each category, n×3: x, y and weight of each peak.

        x and y are shares of the photo's width and height, in (0, 1); the weight is the centre's probability.
        The weightiest come first. Peaks below ``FAINT`` are left out, except for the highest peak of a category.
        ``scaled_to`` makes the weights sum to a count.
        """
        return [located_points(photo) for photo in peak_heights(logits.detach().float()).cpu().numpy()]

    def places(self, side: int) -> int:
        """The number of rows, and columns, of the map of centres for photos of side × side pixels."""
        with torch.inference_mode(), evaluation_mode(self):
            _, maps = self.with_maps(next(self.parameters()).new_zeros(1, 3, side, side))
        return maps["centres"].shape[-1]


def located_points(heights: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """K×h×w ``peak_heights`` → for each category, its points, as ``LocatedCells.points`` gives them."""
    count, height, width = heights.shape
    flat = heights.reshape(count, height * width).astype(np.float64)
    kept = flat >= FAINT
    kept[np.arange(count), flat.argmax(axis=1)] = flat.max(axis=1) > 0
    categories, places = kept.nonzero()
    rows, columns = np.divmod(places, width)
    weights = flat[categories, places]
    found = np.column_stack([(columns + 0.5) / width, (rows + 0.5) / height, weights])
    found = found[np.lexsort((-weights, categories))]
    return np.split(found, np.searchsorted(categories, np.arange(1, count)))


def scaled_to(expected: float, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """n×3 points with their weights multiplied so that they sum to ``expected``; none where that is 0 or less."""
    if expected <= 0 or not len(points):
        return points[:0]
    return np.asarray(points * (1, 1, expected / points[:, 2].sum()))


def soft_counts(probable: Tensor, side: int) -> Tensor:
    """B×K×h×w centre probabilities → B×side²×2K: the sum of each cell's peaks, then that of their squares.

    Every peak weighs 1 and belongs to exactly one cell, also where ``side`` does not divide h or w. Sums are
    taken in float32.
    """
    heights = peaks(probable) * probable.float()
    sums = _sum_by_cell(torch.cat([heights, heights**2], dim=1), side)
    return sums.flatten(2).transpose(1, 2)


def peak_heights(logits: Tensor) -> Tensor:
    """B×K×h×w logits of centres → the same shape: the probability at each peak, and 0 elsewhere."""
    return torch.where(peaks(logits), logits.sigmoid(), 0.0)


def peaks(values: Tensor) -> Tensor:
    """B×K×h×w values → the same shape, true at each local maximum among the eight neighbours.

    Of equal neighbours only the first, row by row, is a maximum: a plateau does not count several times.
    """
    height, width = values.shape[-2:]
    framed = pad(values, (1, 1, 1, 1), value=-math.inf)
    around = [framed[..., row : row + height, column : column + width] for row in range(3) for column in range(3)]
    before, after = (reduce(torch.maximum, part) for part in (around[:4], around[5:]))
    return (values > before) & (values >= after)


def _sum_by_cell(values: Tensor, side: int) -> Tensor:
    """B×C×h×w → B×C×side×side: each place is added to the cell that contains its middle."""
    for axis in (2, 3):
        lengths = np.bincount(cell_of_place(values.shape[axis], side), minlength=side).tolist()
        values = torch.stack([part.sum(dim=axis) for part in values.split_with_sizes(lengths, axis)], dim=axis)
    return values


def cell_of_place(places: int, side: int) -> NDArray[np.int64]:
    """For each of ``places`` rows or columns of a map, the one of ``side`` cells that contains its middle."""
    return (2 * np.arange(places) + 1) * side // (2 * places)


def centre_loss(logits: Tensor, target: Tensor) -> Tensor:
    """The penalty-reduced focal loss of B×K×h×w logits, per object.

    ``target`` is 1 at each object's centre and falls off around it; where it is NaN, centres are unknown and left
    out. (Zhou et al., Objects as Points, 2019.)
    """
    probable = logits.sigmoid()
    at_centre, known = target == 1, ~target.isnan()
    target = target.nan_to_num()
    found = (1 - probable) ** 2 * logsigmoid(logits)
    ruled_out = (1 - target) ** 4 * probable**2 * logsigmoid(-logits)
    total = (torch.where(at_centre, found, ruled_out) * known).sum()
    return -total / at_centre.sum().clamp(min=1)


@dataclass(frozen=True)
class CentreMaps:
    """The centres of the counted objects in a view of a scene: K×places×places, 1 at a centre.

    The map of a category whose count is unknown is NaN. If a detector was asked for what was not annotated, the
    map is 0 where it suspects no centre either, and below 1 around the centres that it suspects.
    """

    protocol: Protocol
    places: int

    def __call__(self, scene: Scene, view: View) -> NDArray[np.float32]:
        """The target of ``centre_loss``."""
        annotated = scene.known_counts(Protocol())
        heights = scene.counted(self.protocol).astype(np.float64)
        unknown = ~scene.certain_counts()
        if scene.suspected is not None:
            heights = np.where(annotated[scene.labels], heights, scene.suspected)
            unknown &= annotated
        maps = np.zeros((len(scene.categories), self.places, self.places), dtype=np.float32)
        labels = scene.labels[view.kept]
        for height, label, box in zip(heights[view.kept], labels, view.boxes * self.places, strict=True):
            x0, y0, x1, y1 = box
            bump = height * np.outer(self._bump(y0, y1), self._bump(x0, x1))
            np.maximum(maps[label], bump, out=maps[label])
        maps[unknown] = np.nan
        return maps

    def _bump(self, low: float, high: float) -> NDArray[np.float64]:
        """1 in the place of the interval's middle, less around it; a longer interval falls off slower."""
        centre = min(int((low + high) / 2), self.places - 1)
        spread = max(SPREAD * (high - low), LEAST_SPREAD)
        return np.asarray(np.exp(-((np.arange(self.places) - centre) ** 2) / (2 * spread**2)))
