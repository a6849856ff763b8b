"""Counts of large photos: in the whole photo, and in overlapping tiles at the network's resolution.

A photo is counted at several levels: whole, then in more and more tiles. Each tile is counted as if it were a
photo; categories that it would not show count as 0. An object belongs to the tiles that it is in by how deep it is
in them, so that none counts twice.

Tiles count small objects well, but large ones several times, once for each of their parts. Where tiles overlap,
they show how large the objects of a category are: tiles agree about the place of an object that fits into their
overlap, and disagree about one that they cut in different ways. A level's count therefore replaces that of the
coarser level to the extent of this agreement: the share of the count that other tiles find in the same place.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import max_pool2d

from counting.inputs.batches import batched
from counting.inputs.photo_sources import PhotoSource
from counting.inputs.preprocessing import RESAMPLING
from counting.inputs.tiles import MARGIN, Tiles, fitting_tiles
from counting.networks.checkpoint import Checkpoint
from counting.networks.inference import BATCH, PhotoCounts, in_threads
from counting.networks.locating import LocatedCells
from counting.predictor.merging import merged
from counting.stats.metrics import round_half_up
from counting_datasets.errors import CountingError, PhotoError

Tile = Literal["auto"] | int
"""Number of tiles along the longer side of a photo; "auto" chooses it for each photo."""

MOST = 16
"""Largest number of tiles along a side."""

AUTOMATIC = 8
"""Largest number of tiles along a side that "auto" chooses."""

MOST_OBJECTS = 255
"""Largest count in the distributions of photos that are counted in tiles."""

LEAST = 1e-9
"""Smallest weight of a point."""


def check_tile(tile: object) -> None:
    """Refuse what is not a number of tiles.

    Raises:
        CountingError: neither "auto" nor a number from 1 to ``MOST``.
    """
    is_number = isinstance(tile, int) and not isinstance(tile, bool) and 1 <= tile <= MOST
    if tile != "auto" and not is_number:
        raise CountingError(f'tile={tile!r}: use "auto" or a whole number from 1 to {MOST}')


def for_large_photos(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with distributions of counts up to ``MOST_OBJECTS``.

    Raises:
        CountingError: the counter does not locate objects.
    """
    if not isinstance(checkpoint.counter.cells, LocatedCells):
        raise CountingError("tiles need a counter that locates objects: use a loc-sub counter")
    calibration = checkpoint.calibration
    return replace(checkpoint, calibration=calibration and calibration.up_to(MOST_OBJECTS))


def count_in_tiles(
    checkpoint: Checkpoint, sources: Iterable[PhotoSource], workers: int, tile: Tile
) -> Iterator[tuple[PhotoSource, PhotoCounts | PhotoError]]:
    """As ``count_photos``, with large photos counted in tiles."""
    checkpoint.counter.eval()
    return in_threads(partial(_count_each, checkpoint, tile), batched(sources, 1), workers)


@torch.inference_mode()
def _count_each(
    checkpoint: Checkpoint, tile: Tile, sources: Sequence[PhotoSource]
) -> list[tuple[PhotoSource, PhotoCounts | PhotoError]]:
    counted: list[tuple[PhotoSource, PhotoCounts | PhotoError]] = []
    for source in sources:
        try:
            photo = source.open()
        except PhotoError as error:
            counted.append((source, error))
            continue
        estimate = count_levels(checkpoint, photo, tile)
        points = tuple(one[np.argsort(-one[:, 2], kind="stable")] for one in estimate.points)
        counted.append((source, PhotoCounts(source.path, photo, estimate.cells.astype(np.float32), points)))
    return counted


@dataclass(frozen=True, eq=False)
class Estimate:
    """The counts of a photo.

    Attributes:
        cells: cells×K raw counts.
        points: for each category n×3: x and y as shares of the photo's width and height, and a share of the count.
        shape: (columns, rows) of places of the finest map.
    """

    cells: NDArray[np.float64]
    points: list[NDArray[np.float64]]
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network sees in the tiles of one level.

    Attributes:
        cells: tiles×cells×K raw counts, clipped at 0.
        points: for each tile, for each category, n×3 as ``LocatedCells.points`` returns them.
        nearby: tiles×K×places×places: the largest probability of a centre in each place and the places around it.
    """

    cells: NDArray[np.float64]
    points: list[list[NDArray[np.float64]]]
    nearby: NDArray[np.float32]


def count_levels(checkpoint: Checkpoint, photo: Image.Image, tile: Tile) -> Estimate:
    """Count in ``photo`` at all levels; "auto" stops at the first level that changes no best guess."""
    counter = checkpoint.counter
    whole = _see(checkpoint, [photo])
    places, side = whole.nearby.shape[-1], counter.cells.side
    shares = zip(whole.points[0], whole.cells[0].sum(axis=0), strict=True)
    points = [np.column_stack([one[:, :2], _shared(one[:, 2], count)]) for one, count in shares]
    estimate = Estimate(whole.cells[0], points, (places, places))
    finest = min(AUTOMATIC, fitting_tiles(photo.size, side)) if tile == "auto" else tile
    resampling = RESAMPLING[counter.cells.backbone.normalization.interpolation]
    for number in levels(finest):
        tiles = Tiles.along(number, photo.size, side, places)
        found = _in_photo(checkpoint, tiles, _see(checkpoint, tiles.cut(photo, resampling)))
        finer = _combined(estimate, found, tiles, counter.grid.side)
        before, after = (round_half_up(one.cells.sum(axis=0)) for one in (estimate, finer))
        if tile == "auto" and (before == after).all():
            break
        estimate = finer
    return estimate


def levels(finest: int) -> list[int]:
    """The numbers of tiles along the longer side, coarse to fine: each is half the next, down to 2."""
    numbers = []
    while finest > 1:
        numbers.append(finest)
        finest //= 2
    return numbers[::-1]


def _shared(weights: NDArray[np.float64], count: float) -> NDArray[np.float64]:
    """``count`` divided in proportion to ``weights``."""
    return np.asarray(weights * (max(count, LEAST) / weights.sum()))


def _see(checkpoint: Checkpoint, images: Sequence[Image.Image]) -> Seen:
    counter = checkpoint.counter
    located = counter.cells
    if not isinstance(located, LocatedCells):
        raise TypeError("the counter does not locate objects")
    device = next(counter.parameters()).device
    cells, points, nearby = [], [], []
    for batch in batched(images, 1 if device.type == "cpu" else BATCH):
        features, maps = located.with_maps(torch.stack([counter.preprocess(image) for image in batch]).to(device))
        cells.append(counter.from_features(features).clamp(min=0).double().cpu().numpy())
        points += located.points(maps["centres"])
        nearby.append(max_pool2d(maps["centres"].float().sigmoid(), 3, stride=1, padding=1).cpu().numpy())
    return Seen(np.concatenate(cells), points, np.concatenate(nearby))


@dataclass(frozen=True, eq=False)
class Found:
    """The points of all tiles.

    Attributes:
        category: n category numbers.
        places: n×2: x and y, in places of the whole photo.
        weight: n shares of the count.
        agreement: n: how far the other tiles that see the place agree, from 0 to 1; NaN where there are none.
    """

    category: NDArray[np.int64]
    places: NDArray[np.float64]
    weight: NDArray[np.float64]
    agreement: NDArray[np.float64]


def _in_photo(checkpoint: Checkpoint, tiles: Tiles, seen: Seen) -> Found:
    """The points of all tiles in the whole photo, with their shares of the tiles' counts."""
    origins = tiles.origins()
    parts = []
    for number, (cells, points) in enumerate(zip(seen.cells, seen.points, strict=True)):
        raw = cells.sum(axis=0)
        shown = [k for k, guess in enumerate(checkpoint.guesses(raw)) if guess.shown]
        for k in shown:
            local = points[k][:, :2] * tiles.places
            weight = _shared(points[k][:, 2], raw[k]) * tiles.depth(local, origins[number])
            agreement = _agreement(seen.nearby[:, k], origins, number, local, points[k][:, 2])
            parts.append((np.full(len(local), k), local + origins[number], weight, agreement))
    if not parts:
        return Found(np.zeros(0, dtype=np.int64), np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    return Found(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _agreement(
    nearby: NDArray[np.float32],
    origins: NDArray[np.int64],
    number: int,
    local: NDArray[np.float64],
    probability: NDArray[np.float64],
) -> NDArray[np.float64]:
    """For each point of a tile, the mean over the other tiles that see it of their probability of it, by its own.

    Tiles do not see what is in their ``MARGIN``.
    """
    places = nearby.shape[-1]
    total, tiles = np.zeros(len(local)), np.zeros(len(local))
    for other, origin in enumerate(origins):
        if other == number or (np.abs(origin - origins[number]) >= places).any():
            continue
        columns, rows = np.floor(local + origins[number] - origin).astype(np.int64).T
        sees = (np.minimum(columns, rows) >= MARGIN) & (np.maximum(columns, rows) < places - MARGIN)
        total[sees] += np.minimum(1, nearby[other, rows[sees], columns[sees]] / probability[sees])
        tiles += sees
    return np.where(tiles > 0, total / np.maximum(tiles, 1), np.nan)


def _combined(coarse: Estimate, found: Found, tiles: Tiles, side: int) -> Estimate:
    """A coarse estimate and the points of finer tiles, by how far the tiles agree about each category.

    A category that is nowhere seen by two tiles is trusted as much as the others.
    """
    categories = coarse.cells.shape[1]
    known = ~np.isnan(found.agreement)
    weight = found.weight * known
    seen_twice = np.bincount(found.category, weight, categories)
    agreed = np.bincount(found.category, weight * np.nan_to_num(found.agreement), categories)
    in_general = agreed.sum() / max(seen_twice.sum(), LEAST)
    trust = np.where(seen_twice > 0, agreed / np.maximum(seen_twice, LEAST), in_general)
    finer = _cells(found, tiles.shape, side, categories)
    points = []
    for k in range(categories):
        chosen = found.category == k
        new = np.column_stack([found.places[chosen] / tiles.shape, found.weight[chosen] * trust[k]])
        old = coarse.points[k] * (1, 1, 1 - trust[k])
        old[:, 2] = old[:, 2].clip(min=LEAST)
        points.append(merged(old, new, coarse.shape, tiles.shape))
    return Estimate((1 - trust) * coarse.cells + trust * finer, points, tiles.shape)


def _cells(found: Found, shape: tuple[int, int], side: int, categories: int) -> NDArray[np.float64]:
    """Cells×K: the sum of the points in each of side² cells."""
    columns, rows = np.floor(found.places / shape * side).astype(np.int64).clip(0, side - 1).T
    place = (rows * side + columns) * categories + found.category
    summed = np.bincount(place, found.weight, side**2 * categories).astype(np.float64)
    return summed.reshape(side**2, categories)
