"""Counting in worker processes, each with a counter of its own and one torch thread."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.connection import wait as wait_for_end
from multiprocessing.context import BaseContext
from typing import Any

from counting.bulk.rows import Contents, NamedPhoto, Row, count_batch
from counting.inputs.batches import batched
from counting.predictor.predictor import Predictor, load
from counting_datasets.errors import CountingError

CHUNK = 16
"""Photos that a worker takes at a time."""

AHEAD = 4
"""Maximum number of chunks per worker that are counted but not yet yielded."""

DIED = "the process that counted it ended abruptly: damaged photo, or not enough memory"
"""The error of a photo that ends its process when it is counted alone."""


def count_in_processes(
    photos: Sequence[NamedPhoto], *, options: dict[str, Any], contents: Contents, workers: int
) -> Generator[Row]:
    """The row of each photo, in order, counted by ``workers`` processes.

    The photos of a process that ends abruptly are counted again, one by one; one that ends its process again gets
    a row with an error.

    Args:
        photos: the photos.
        options: the keyword arguments of ``counting.load``.
        contents: what workers produce besides counts.
        workers: number of processes.

    Raises:
        CountingError: the counter cannot be loaded, or a drawing cannot be written.
    """
    pool = [_Worker(options, contents) for _ in range(workers)]
    try:
        yield from _in_order(pool, photos)
    finally:
        for worker in pool:
            worker.stop()


def _in_order(pool: Sequence["_Worker"], photos: Sequence[NamedPhoto]) -> Generator[Row]:
    chunks = enumerate(batched(photos, CHUNK))
    idle = list(pool)
    running: dict[Future[list[Row]], tuple[int, list[NamedPhoto], _Worker]] = {}
    counted: dict[int, list[Row]] = {}
    due = 0
    while True:
        while idle and len(counted) < AHEAD * len(pool) and (following := next(chunks, None)):
            number, chunk = following
            worker = idle.pop()
            running[worker.submit(chunk)] = (number, chunk, worker)
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            number, chunk, worker = running.pop(future)
            counted[number] = worker.result(future, chunk)
            idle.append(worker)
        while due in counted:
            yield from counted.pop(due)
            due += 1


class _Worker:
    """A process that counts; another one takes its place when it ends abruptly."""

    def __init__(self, options: dict[str, Any], contents: Contents) -> None:
        self._start = partial(_prepare, options, contents)
        self._executor = self._started()

    def _started(self) -> ProcessPoolExecutor:
        executor = one_process()
        self._ready = executor.submit(self._start)
        return executor

    def submit(self, photos: list[NamedPhoto]) -> Future[list[Row]]:
        """Start counting ``photos``."""
        return self._executor.submit(_count, photos)

    def result(self, future: Future[list[Row]], photos: list[NamedPhoto]) -> list[Row]:
        """The rows of ``photos``, which ``future`` counts; one by one if the process has ended."""
        try:
            self._check_ready()
            return future.result()
        except BrokenProcessPool:
            return [self._alone(photo) for photo in photos]

    def _alone(self, photo: NamedPhoto) -> Row:
        if self._has_ended:
            self.stop()
            self._executor = self._started()
        try:
            self._check_ready()
            (row,) = self.submit([photo]).result()
        except BrokenProcessPool:
            return Row.failed(photo, DIED)
        return row

    def _check_ready(self) -> None:
        try:
            self._ready.result()
        except BrokenProcessPool:
            raise CountingError(
                "a worker process ended abruptly while it loaded the counter: use fewer --workers"
            ) from None

    @property
    def _has_ended(self) -> bool:
        try:
            self._executor.submit(os.getpid).result()
        except BrokenProcessPool:
            return True
        return False

    def stop(self) -> None:
        """End the process, after the photo that it is counting."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def one_process() -> ProcessPoolExecutor:
    """An executor with a process that ends when this one is killed, even before its first task."""
    return ProcessPoolExecutor(1, mp_context=_context(), initializer=_end_with_parent)


def _context() -> BaseContext:
    """Processes forked from one that has imported everything on Linux, new ones elsewhere."""
    if not sys.platform.startswith("linux"):
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


_counter: Predictor
_contents: Contents


def _prepare(options: dict[str, Any], contents: Contents) -> None:
    """Load the counter in a worker process."""
    global _counter, _contents
    import torch

    from counting.utils.memory import keep_freed_memory

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent stops the workers
    keep_freed_memory()
    torch.set_num_threads(1)
    _counter, _contents = load(**options), contents


def _end_with_parent() -> None:
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)


def _count(photos: list[NamedPhoto]) -> list[Row]:
    return count_batch(_counter, photos, _contents)
