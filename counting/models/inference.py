"""Run a trained counter over scenes or photos."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from counting.inputs.batches import batched
from counting.models.checkpoint import Checkpoint
from counting.models.counters.base import Counter
from counting.models.feature_cache import FeatureCache
from counting.tables.count_table import CountTable
from counting.utils.progress import track
from counting_datasets.errors import PhotoError
from counting_datasets.photo import open_photo
from counting_datasets.scene import Scene, SceneSet

BATCH = 8


@dataclass(frozen=True, eq=False)
class PhotoCounts:
    """The counts of one photo: ``cells`` is cells×K float32, clipped at 0; they sum to the count."""

    path: Path
    photo: Image.Image
    cells: NDArray[np.float32]

    @property
    def counts(self) -> NDArray[np.float64]:
        return np.asarray(self.cells.sum(axis=0), dtype=np.float64)


def count_photos(counter: Counter, paths: Sequence[Path], skipped: dict[Path, str]) -> Iterator[PhotoCounts]:
    """Count photo after photo, a batch in memory at a time; an unreadable one goes to ``skipped`` with why."""
    counter.eval()
    device = next(counter.parameters()).device
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    for batch in track(batches, "counting", unit=BATCH):
        opened = list(_open(batch, skipped))
        if not opened:
            continue
        images = torch.stack([counter.preprocess(photo) for _, photo in opened])
        with torch.inference_mode():
            cells = counter(images.to(device)).clamp(min=0).cpu().numpy()
        for (path, photo), of_photo in zip(opened, cells, strict=True):
            yield PhotoCounts(path, photo, of_photo)


def _open(paths: Sequence[Path], skipped: dict[Path, str]) -> Iterator[tuple[Path, Image.Image]]:
    for path in paths:
        try:
            yield path, open_photo(path)
        except PhotoError as error:
            skipped[path] = str(error)


def count_scenes(checkpoint: Checkpoint, scenes: SceneSet) -> tuple[CountTable, dict[str, str]]:
    """The counts of all scenes whose photos can be read, and why the others cannot (id → reason).

    The features of a frozen backbone come from the cache, and stay in it. A calibrated counter's table has the
    distributions too.
    """
    counter = checkpoint.counter.eval()
    if checkpoint.config.backbone.frozen:
        cells, lost = _from_cache(counter, scenes)
    else:
        cells, lost = _from_photos(counter, scenes)
    kept = [scene for scene in scenes if scene.id in cells]
    table = np.stack([cells[scene.id] for scene in kept]) if kept else np.zeros((0, 1, len(counter.categories)))
    counts = table.sum(axis=1, dtype=np.float64)
    calibration = checkpoint.calibration
    return (
        CountTable(
            images=tuple(scene.id for scene in kept),
            categories=counter.categories,
            counts=counts,
            cells=table.astype(np.float32),
            numbers=tuple(scene.number for scene in kept),
            distribution=calibration.distribution(counts) if calibration else None,
        ),
        lost,
    )


@torch.inference_mode()
def _from_cache(counter: Counter, scenes: SceneSet) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    cache = FeatureCache(counter.cells)
    lost = cache.fill(scenes)
    device = next(counter.parameters()).device
    cells: dict[str, NDArray[np.float32]] = {}
    readable = [scene for scene in scenes if scene.id not in lost]
    for batch in batched(readable, 64):
        features = torch.stack([cache.read(scene, 0)[0] for scene in batch]).to(device)
        cells |= _by_id(batch, counter.from_features(features))
    return cells, lost


@torch.inference_mode()
def _from_photos(counter: Counter, scenes: SceneSet) -> tuple[dict[str, NDArray[np.float32]], dict[str, str]]:
    lost: dict[str, str] = {}
    cells: dict[str, NDArray[np.float32]] = {}
    device = next(counter.parameters()).device
    for batch in track(list(batched(scenes, BATCH)), "counting", unit=BATCH):
        images: dict[str, Tensor] = {}
        for scene in batch:
            try:
                images[scene.id] = counter.preprocess(scene.image())
            except PhotoError as error:
                lost[scene.id] = str(error)
        if images:
            read = [scene for scene in batch if scene.id in images]
            cells |= _by_id(read, counter(torch.stack(list(images.values())).to(device)))
    return cells, lost


def _by_id(scenes: Sequence[Scene], raw: Tensor) -> dict[str, NDArray[np.float32]]:
    clipped = raw.clamp(min=0).cpu().numpy()
    return {scene.id: of_scene for scene, of_scene in zip(scenes, clipped, strict=True)}
