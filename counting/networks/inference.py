"""Counting with a trained counter, in scenes of a data set or in photos."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from counting.inputs.batches import batched
from counting.inputs.photo_sources import PhotoSource
from counting.networks.checkpoint import Checkpoint
from counting.networks.counters.base import Counter
from counting.networks.feature_cache import FeatureCache
from counting.networks.folding import folded
from counting.networks.locating import LocatedCells
from counting.tables.count_table import CountTable
from counting.utils.progress import track
from counting_datasets.errors import PhotoError
from counting_datasets.scene import Scene, SceneSet

BATCH = 8
"""Photos per batch on a GPU. On a CPU, single photos are as fast and take a third of the memory."""

MAX_WORKERS = 8
"""Largest default number of threads."""

Points = tuple[NDArray[np.float64], ...]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class PhotoCounts:
    """The counts of one photo.

    Attributes:
        path: the photo's path; None for a photo in memory.
        photo: RGB.
        cells: cells×K float32, clipped at 0; they sum to the count.
        points: for each of the K categories n×3: x and y of an object's centre, as shares of the photo's width and
            height, and its weight; None if the counter does not locate objects.
    """

    path: Path | None
    photo: Image.Image
    cells: NDArray[np.float32]
    points: Points | None = None

    @property
    def counts(self) -> NDArray[np.float64]:
        return np.asarray(self.cells.sum(axis=0, dtype=np.float64))


def default_workers() -> int:
    """The number of processors that this process may use, at most ``MAX_WORKERS``."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, MAX_WORKERS)


def count_photos(
    counter: Counter, sources: Iterable[PhotoSource], workers: int = 1
) -> Iterator[tuple[PhotoSource, PhotoCounts | PhotoError]]:
    """Count in photos; yields each one, in order, with its counts or the error that it cannot be read.

    ``workers`` threads decode, resize and count in parallel, each with one torch thread: several torch threads per
    photo take two to five times the processor time on a busy machine. With one worker, no thread is started. At
    most two batches per worker are in memory, so ``sources`` may be endless.
    """
    counter.eval()
    size = 1 if next(counter.parameters()).device.type == "cpu" else BATCH
    yield from in_threads(partial(_count_batch, counter), batched(sources, size), workers)


def in_threads(
    work: Callable[[Sequence[PhotoSource]], list[T]], groups: Iterable[Sequence[PhotoSource]], workers: int
) -> Iterator[T]:
    """Yield what ``work`` returns for each group of photos, in order; ``workers`` threads compute it.

    Each thread has one torch thread. With one worker, no thread is started.
    """
    batches = iter(groups)
    if workers == 1:
        for batch in batches:
            yield from work(batch)
        return
    pool = ThreadPoolExecutor(workers, initializer=partial(torch.set_num_threads, 1))
    try:
        pending: deque[Future[list[T]]] = deque(pool.submit(work, batch) for batch in islice(batches, 2 * workers))
        while pending:
            done = pending.popleft().result()
            pending.extend(pool.submit(work, batch) for batch in islice(batches, 1))
            yield from done
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def count_photo(counter: Counter, source: PhotoSource) -> PhotoCounts:
    """The counts of one photo.

    Raises:
        PhotoError: the photo cannot be read.
    """
    ((_, counted),) = count_photos(counter, [source])
    if isinstance(counted, PhotoError):
        raise counted
    return counted


@torch.inference_mode()
def _count_batch(
    counter: Counter, sources: Sequence[PhotoSource]
) -> list[tuple[PhotoSource, PhotoCounts | PhotoError]]:
    opened = [_opened(source) for source in sources]
    images = [counter.preprocess(photo) for photo in opened if not isinstance(photo, PhotoError)]
    device = next(counter.parameters()).device
    counted = _count(counter, torch.stack(images).to(device)) if images else iter(())
    return [
        (source, photo if isinstance(photo, PhotoError) else PhotoCounts(source.path, photo, *next(counted)))
        for source, photo in zip(sources, opened, strict=True)
    ]


def _opened(source: PhotoSource) -> Image.Image | PhotoError:
    try:
        return source.open()
    except PhotoError as error:
        return error


def _count(counter: Counter, images: Tensor) -> Iterator[tuple[NDArray[np.float32], Points | None]]:
    """The clipped counts of each photo's cells and, if the counter locates objects, their points."""
    cells = counter.cells
    features, maps = cells.with_maps(images)
    points = cells.points(maps["centres"]) if isinstance(cells, LocatedCells) else None
    raw = counter.from_features(features)
    clipped = raw.clamp(min=0).float().cpu().numpy()
    for row, of_photo in enumerate(clipped):
        yield of_photo, tuple(points[row]) if points else None


def count_scenes(checkpoint: Checkpoint, scenes: SceneSet) -> tuple[CountTable, dict[str, str]]:
    """The counts of all scenes whose photos can be read, and the reasons for the others (id → reason).

    The features of a frozen backbone are cached. The table of a calibrated counter has count distributions.
    """
    counter = checkpoint.counter.eval()
    if checkpoint.config.backbone.frozen:
        cells, lost = _from_cache(counter, scenes)
    else:
        cells, lost = _from_photos(folded(counter), scenes)
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
