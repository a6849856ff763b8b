"""The thread that owns the counter: requests put photos in its queue, and it counts those that wait together."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any, TypeVar, cast

import torch

from counting.inputs.photo_sources import PhotoSource
from counting.networks.inference import default_workers
from counting.predictor.count_result import CountResult
from counting.predictor.predictor import Predictor
from counting.predictor.tiling import Tile

Result = TypeVar("Result")

MAX_BATCH = 32
"""Largest number of photos that are counted together."""


STOP_SECONDS = 10
"""The time to wait for the present batch when the server stops."""


class QueueFullError(Exception):
    """So many photos and questions wait for the counter that it takes no more."""


@dataclass(eq=False)
class _Photo:
    source: PhotoSource
    tile: Tile | None
    future: "Future[CountResult]" = field(default_factory=Future)


@dataclass(eq=False)
class _Call:
    function: Callable[[], Any]
    future: "Future[Any]" = field(default_factory=Future)


class Worker:
    """Counts photos in batches, and makes other calls of the counter one at a time, in the order of arrival.

    Each batch goes through ``Predictor.stream``, which counts several photos in parallel on a CPU, in one forward
    pass on a GPU. A photo whose request is cancelled before its turn is skipped.
    """

    def __init__(
        self,
        counter: Predictor,
        *,
        waiting: int,
        threads: int | None = None,
        on_batch: Callable[[int], object] = lambda size: None,
    ) -> None:
        """``waiting`` is the length of the queue; ``on_batch`` is called with the size of every batch."""
        self.counter = counter
        self._waiting = waiting
        self._threads = threads or default_workers()
        self._on_batch = on_batch
        self._jobs: deque[_Photo | _Call] = deque()
        self._changed = Condition()
        self._stopping = False
        self._thread = Thread(target=self._run, name="counter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Cancel everything that waits, and end the thread after its present batch, or leave it after a while."""
        with self._changed:
            self._stopping = True
            for job in self._jobs:
                job.future.cancel()
            self._jobs.clear()
            self._changed.notify()
        self._thread.join(STOP_SECONDS)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """The number of photos and questions in the queue, without cancelled ones."""
        with self._changed:
            return sum(not job.future.cancelled() for job in self._jobs)

    def count(self, sources: Sequence[PhotoSource], tile: Tile | None = None) -> "list[Future[CountResult]]":
        """Put photos in the queue, all or none; ``tile`` is as for ``Predictor.count``.

        Each future has a result, or a ``CountingError``.

        Raises:
            QueueFullError: there is no room for all of them.
        """
        jobs = [_Photo(source, tile) for source in sources]
        self._put(jobs)
        return [job.future for job in jobs]

    def call(self, function: Callable[[], Result]) -> "Future[Result]":
        """Have ``function`` called when its turn comes.

        Raises:
            QueueFullError: there is no room in the queue.
        """
        job = _Call(function)
        self._put([job])
        return job.future

    def _put(self, jobs: Sequence[_Photo | _Call]) -> None:
        with self._changed:
            if len(self._jobs) + len(jobs) > self._waiting:
                self._jobs = deque(job for job in self._jobs if not job.future.cancelled())
            if self._stopping or len(self._jobs) + len(jobs) > self._waiting:
                raise QueueFullError
            self._jobs.extend(jobs)
            self._changed.notify()

    def _run(self) -> None:
        torch.set_num_threads(1)  # as in the threads of a batch, so that its size does not change the last digits
        for job in self._next_jobs():
            if isinstance(job, _Call):
                _finish(job.future, job.function)
            else:
                self._on_batch(len(job))
                self._count(job)

    def _next_jobs(self) -> Iterator[list[_Photo] | _Call]:
        """The batches and calls, as they come, without those that were cancelled."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or self._stopping)
                if self._stopping:
                    return
                batch: list[_Photo] = []
                while self._jobs and _belongs(self._jobs[0], batch):
                    job = cast(_Photo, self._jobs.popleft())
                    if job.future.set_running_or_notify_cancel():
                        batch.append(job)
                call = None if batch or not self._jobs else self._jobs.popleft()
            if batch:
                yield batch
            elif isinstance(call, _Call) and call.future.set_running_or_notify_cancel():
                yield call

    def _count(self, photos: Sequence[_Photo]) -> None:
        """Count ``photos`` together; if that fails for another reason than a bad photo, one by one."""
        left = iter(photos)
        try:
            for result in self.counter.stream(
                [photo.source for photo in photos],
                on_error=lambda error: next(left).future.set_exception(error),
                workers=min(self._threads, len(photos)),
                tile=photos[0].tile,
            ):
                next(left).future.set_result(result)
        except Exception as error:
            unfinished = list(left)
            if len(photos) == 1:
                unfinished[0].future.set_exception(error)
            else:
                for photo in unfinished:
                    self._count([photo])


def _belongs(job: _Photo | _Call, batch: Sequence[_Photo]) -> bool:
    """Whether a job can be counted together with ``batch``."""
    return isinstance(job, _Photo) and (not batch or (len(batch) < MAX_BATCH and job.tile == batch[0].tile))


def _finish(future: "Future[Any]", function: Callable[[], Any]) -> None:
    try:
        future.set_result(function())
    except Exception as error:
        future.set_exception(error)
