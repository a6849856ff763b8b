"""Counting on a Ray cluster: one actor per worker, each with a counter of its own and one torch thread."""

import logging
import os
import pickle
import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting.bulk.rows import Contents, NamedPhoto, Row, count_batch
from counting.predictor.predictor import load
from counting_datasets.errors import CountingError

BATCH = 16
"""Photos that an actor takes at a time."""

BLOCKS, LARGEST_BLOCK = 32, 1024
"""Number of blocks per actor, and maximum number of photos in a block: a lost worker loses at most one block."""

RETRIES = 2
"""How often a block is counted again after its actor has ended, before its photos are counted one by one."""

DIED = "the worker that counted it ended abruptly: damaged photo, or not enough memory"
"""The error of a photo that ends its worker when it is counted alone."""


def count_with_ray(
    photos: Sequence[NamedPhoto],
    *,
    options: dict[str, Any],
    contents: Contents,
    workers: int | None = None,
    address: str | None = None,
) -> Generator[Row]:
    """The row of each photo, in order, counted by Ray Data.

    Only paths and rows travel through the cluster: every node opens the photos itself, and loads the counter from
    its own installation of this package or from a path that all nodes share.

    Args:
        photos: the photos.
        options: the keyword arguments of ``counting.load``.
        contents: what workers produce besides counts; drawings are not supported.
        workers: number of actors; by default the number of processors of the cluster.
        address: the cluster's HOST:PORT; by default RAY_ADDRESS, or else a cluster of this machine alone.

    Raises:
        CountingError: Ray is not installed, or the cluster cannot be reached.
    """
    ray = _connected(address)
    on_gpu = str(options.get("device") or "").startswith("cuda")
    actors = workers or max(1, int(ray.cluster_resources().get("GPU" if on_gpu else "CPU", 1)))
    items = [{"number": number, "photo": _packed(photo)} for number, photo in enumerate(photos)]
    size = min(max(-(-len(items) // (BLOCKS * actors)), BATCH), LARGEST_BLOCK)
    blocks = max(1, -(-len(items) // size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # there is no other way to say max_task_retries
        counted = ray.data.from_items(items, override_num_blocks=blocks).map_batches(
            _CountRows,
            fn_constructor_args=(options, contents),
            batch_size=BATCH,
            compute=ray.data.ActorPoolStrategy(size=actors),
            num_cpus=1,
            num_gpus=1 if on_gpu else 0,
            max_task_retries=RETRIES,
        )
    due = 0
    for number, row in _unpacked(counted):
        yield from _alone(ray, photos[due:number], options, contents)
        yield row
        due = number + 1
    yield from _alone(ray, photos[due:], options, contents)


class _CountRows:
    """Counts batches of packed photos in an actor."""

    def __init__(self, options: dict[str, Any], contents: Contents) -> None:
        import torch

        torch.set_num_threads(1)
        self._counter = load(**options)
        self._contents = contents

    def __call__(self, batch: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        photos = [pickle.loads(packed) for packed in batch["photo"]]
        rows = [pickle.dumps(row) for row in self.count(photos)]
        return {"number": batch["number"], "row": np.array(rows, dtype=object)}

    def count(self, photos: list[NamedPhoto]) -> list[Row]:
        """The rows of photos."""
        return count_batch(self._counter, photos, self._contents)


def _connected(address: str | None) -> Any:
    """The module ``ray``, connected to a cluster."""
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise CountingError(f"--engine ray needs Ray: pip install 'everyday-counting[ray]' ({error})") from None
    address = address or os.environ.get("RAY_ADDRESS") or "local"  # None may join a cluster that has ended
    if address != "local":
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")  # one attempt, of half a minute, not twenty
    try:
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise CountingError(f"cannot connect to the Ray cluster {address}: {reason}") from None
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.max_errored_blocks = -1
    for handler in logging.getLogger("ray.data").handlers:
        if isinstance(handler, logging.StreamHandler):  # the rows have the errors, Ray's own files have the rest
            handler.setLevel(logging.CRITICAL)
    return ray


def _packed(photo: NamedPhoto) -> bytes:
    """The photo without its pixels, and with an absolute path."""
    content = photo.source.content
    if isinstance(content, Path):
        photo = replace(photo, source=replace(photo.source, content=content.absolute()))
    return pickle.dumps(photo)


def _unpacked(counted: Any) -> Iterator[tuple[int, Row]]:
    for batch in counted.iter_batches(batch_size=None, batch_format="numpy"):
        for number, row in zip(batch["number"], batch["row"], strict=True):
            yield int(number), pickle.loads(row)


def _alone(ray: Any, photos: Sequence[NamedPhoto], *arguments: Any) -> Iterator[Row]:
    """The rows of photos whose batch was lost, counted one at a time."""
    actor: Any = None
    for photo in photos:
        if actor is None:
            actor = ray.remote(num_cpus=1)(_CountRows).remote(*arguments)
        try:
            yield from ray.get(actor.count.remote([photo]))
        except ray.exceptions.RayError:
            actor = None
            yield Row.failed(photo, DIED)
