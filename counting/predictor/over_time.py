"""Counts over time: the frames of a video, or photos with times, smoothed by a hidden Markov chain over counts."""

import os
import tempfile
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from counting.inputs.photo_sources import PhotoSource, checked_path
from counting.inputs.video import Video, open_video
from counting.predictor.count_result import CountResult
from counting.predictor.predictor import Predictor
from counting.stats.best_guess import BestGuess, best_guesses, in_order, things
from counting.stats.count_chain import CountChain, Filter, prior_of
from counting.stats.count_distribution import SHOWN_FROM
from counting_datasets.errors import CountingError


@dataclass(frozen=True)
class Moment:
    """The counts at one time.

    Attributes:
        seconds: time since the first frame.
        guesses: name of each category → its best guess, which also uses the other frames.
        alone: K×3: count, low and high of each category from this frame alone; None for a live camera.
    """

    seconds: float
    guesses: Mapping[str, BestGuess]
    alone: NDArray[np.int64] | None = None

    @property
    def counts(self) -> dict[str, int]:
        """What is probably there, most numerous first."""
        names, guesses = list(self.guesses), list(self.guesses.values())
        return {names[k]: guesses[k].count for k in in_order(guesses)}

    @property
    def text(self) -> str:
        """The counts in words: "2 dogs, maybe 1 car"."""
        return ", ".join(things(list(self.guesses.values()), list(self.guesses))) or "no known objects"


def over_time(counter: Predictor, source: Any, every: float = 1.0) -> Iterator[Moment]:
    """The counts of a video, or of photos with times, smoothed over time.

    All frames are counted before the first answer, because smoothed counts depend on later frames.

    Args:
        counter: a calibrated counter.
        source: the path of a video, or an iterable of (seconds, photo) in the order of time, with photos as
            ``Predictor.count`` takes them.
        every: seconds from one counted frame of a video to the next.

    Warns if parts of a video are damaged and left out.

    Raises:
        PhotoError: the video or a photo cannot be read; the message names it.
        CountingError: PyAV is not installed, the counter is not calibrated, ``every`` is not above 0, or the times
            are not in order.
    """
    if not every > 0:
        raise CountingError(f"every={every}: must be more than 0 seconds")
    video = None
    with ExitStack() as contexts:
        if isinstance(source, str | os.PathLike):
            video = contexts.enter_context(open_video(checked_path(source)))
            counted = counted_frames(counter, video, every)
        else:
            counted = _counted_photos(counter, source)
        series = contexts.enter_context(CountsOverTime(counter))
        for seconds, result in counted:
            series.add(seconds, result)
        if video and video.damage:
            warnings.warn(f"{video.name}: {video.damage}", stacklevel=2)
        yield from series.smoothed()


def _counted_photos(
    counter: Predictor, photos: Iterable[tuple[float, Any]]
) -> Iterator[tuple[float, CountResult]]:
    times: deque[float] = deque()

    def contents() -> Iterator[PhotoSource]:
        for number, (seconds, photo) in enumerate(photos, 1):
            times.append(float(seconds))
            yield PhotoSource.of(photo, f"photo {number}")

    for result in counter.stream(contents()):
        yield times.popleft(), result


class CountsNow:
    """What is in view now, frame by frame: each answer uses the frames so far."""

    def __init__(self, counter: Predictor) -> None:
        self._categories = counter.categories
        self._shown_from = shown_from(counter)
        self._forward: Filter | None = None
        self._total: NDArray[np.float64] = np.zeros(())
        self._frames = 0

    def add(self, seconds: float, result: CountResult) -> Moment:
        """The counts at ``seconds``, when the frame has the counts ``result``.

        Raises:
            CountingError: ``seconds`` is before the last frame, or the counter is not calibrated.
        """
        distribution = calibrated(result).astype(np.float64)
        self._total = self._total + distribution
        self._frames += 1
        chain = CountChain(prior_of(self._total / self._frames))
        if self._forward is None:
            self._forward = Filter(chain)
        self._forward.chain = chain
        belief = self._forward.add(distribution, seconds)
        return Moment(seconds, summary(belief, self._categories, self._shown_from))


class CountsOverTime:
    """The counts of frames in order of time, kept in a temporary file; a context that removes it."""

    def __init__(self, counter: Predictor) -> None:
        self.categories = counter.categories
        self._shown_from = shown_from(counter)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._record: np.dtype[np.void] | None = None
        self._total: NDArray[np.float64] = np.zeros(())
        self._frames = 0

    def __len__(self) -> int:
        """The number of frames."""
        return self._frames

    def add(self, seconds: float, result: CountResult) -> None:
        """Add the counts of the next frame.

        Raises:
            CountingError: the counter is not calibrated, or the disk is full.
        """
        distribution = calibrated(result)
        if self._record is None:
            alone = ("alone", np.int32, (len(distribution), 3))
            self._record = np.dtype([("seconds", np.float64), ("counts", np.float32, distribution.shape), alone])
        row = np.zeros(1, dtype=self._record)
        row["seconds"], row["counts"] = seconds, distribution
        row["alone"] = [(one.count, one.low, one.high) for one in result]
        try:
            self._file.seek(self._frames * self._record.itemsize)
            self._file.write(row.tobytes())
        except OSError as error:
            raise CountingError(f"cannot keep counts in {tempfile.gettempdir()}: {error.strerror}") from error
        self._total = self._total + distribution
        self._frames += 1

    def smoothed(self) -> Iterator[Moment]:
        """The counts at the time of each frame, given all frames, in order. To be called once, at the end.

        Raises:
            CountingError: the times fall.
        """
        if self._record is None or not self._frames:
            return
        self._file.flush()
        rows = np.memmap(self._file, dtype=self._record, mode="r+", shape=(self._frames,))
        counts = rows["counts"]
        CountChain(prior_of(self._total / self._frames)).smooth_in_place(counts, rows["seconds"])
        for row in rows:
            guesses = summary(row["counts"], self.categories, self._shown_from)
            yield Moment(float(row["seconds"]), guesses, row["alone"].astype(np.int64))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def counted_frames(
    counter: Predictor, video: Video, every: float, workers: int | None = None
) -> Iterator[tuple[float, CountResult]]:
    """The time of a frame every ``every`` seconds, and its counts by itself; a bounded number is in memory.

    Raises:
        PhotoError: no frame of the video can be decoded.
    """
    times: deque[float] = deque()

    def frames() -> Iterator[PhotoSource]:
        for frame in video.frames(every):
            times.append(frame.seconds)
            yield PhotoSource(frame.photo, f"{video.name} at {frame.seconds:.2f} s")

    for result in counter.stream(frames(), workers=workers):
        yield times.popleft(), result


def summary(
    distribution: NDArray[np.floating], categories: Sequence[str], shown_from: float = SHOWN_FROM
) -> dict[str, BestGuess]:
    """The answers of K×(L + 1) smoothed distributions; the best guess is the median, as there is no raw count."""
    medians = (distribution.cumsum(axis=-1) >= 0.5).argmax(axis=-1)
    guesses = best_guesses(medians, distribution.astype(np.float32), shown_from)
    return dict(zip(categories, guesses, strict=True))


def calibrated(result: CountResult) -> NDArray[np.float32]:
    """The K×(L + 1) distribution of a frame.

    Raises:
        CountingError: the counter is not calibrated.
    """
    distribution = result.to_table().distribution
    if distribution is None:
        raise CountingError("this counter is not calibrated, so its counts cannot be smoothed: choose another")
    return np.asarray(distribution[0])


def shown_from(counter: Predictor) -> float:
    """The probability of at least one from which the counter shows a category."""
    try:
        calibration = counter.checkpoint.calibration
    except CountingError:  # a detector
        return SHOWN_FROM
    return SHOWN_FROM if calibration is None else calibration.shown_from
