"""Trained counters run by PyTorch."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counting.inputs.photo_sources import PhotoSource
from counting.networks.folding import folded
from counting.networks.inference import PhotoCounts, count_photos
from counting.networks.locating import scaled_to
from counting.predictor.count_result import CountResult
from counting.predictor.tiling import Tile, count_in_tiles, for_large_photos
from counting_datasets.errors import PhotoError

if TYPE_CHECKING:
    from counting.networks.checkpoint import Checkpoint


class TrainedCounter:
    """The engine of a trained counter."""

    def __init__(self, checkpoint: "Checkpoint") -> None:
        self.checkpoint = checkpoint
        self.categories = checkpoint.counter.categories
        self._tile: Tile | None = None

    @cached_property
    def fast(self) -> "Checkpoint":
        """The checkpoint with its counter folded: for counting, not for explanations."""
        return replace(self.checkpoint, counter=folded(self.checkpoint.counter))

    def tiled(self, tile: Tile) -> "TrainedCounter":
        """The same counter, counting large photos also in tiles.

        Raises:
            CountingError: it does not locate objects.
        """
        tiled = copy.copy(self)
        tiled.checkpoint, tiled.fast = for_large_photos(self.checkpoint), for_large_photos(self.fast)
        tiled._tile = tile
        return tiled

    def stream(
        self, sources: Iterator[PhotoSource], workers: int
    ) -> Iterator[tuple[PhotoSource, CountResult | PhotoError]]:
        if self._tile is None:
            photos = count_photos(self.fast.counter, sources, workers)
        else:
            photos = count_in_tiles(self.fast, sources, workers, self._tile)
        for source, counted in photos:
            yield source, counted if isinstance(counted, PhotoError) else self.result(source, counted)

    def distribution(self, raw: NDArray[np.float64]) -> NDArray[np.float32] | None:
        calibration = self.checkpoint.calibration
        return None if calibration is None else calibration.distribution(raw)

    def result(self, source: PhotoSource, counted: PhotoCounts) -> CountResult:
        """The user's result for a photo's raw counts."""
        raw = counted.counts
        guesses = self.checkpoint.guesses(raw)
        points = None
        if counted.points is not None:
            scale = (*counted.photo.size, 1.0)
            points = tuple(
                scaled_to(guess.expected, one) * scale for guess, one in zip(guesses, counted.points, strict=True)
            )
        return CountResult(
            path=source.path,
            size=counted.photo.size,
            categories=self.categories,
            cells=counted.cells,
            _guesses=guesses,
            _distribution=self.distribution(raw),
            _points=points,
            _source=source,
        )
