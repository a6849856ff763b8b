"""Frames of a video or a camera at regular times, decoded by PyAV; a bounded number is in memory."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from PIL import Image

from counting.utils.clock import clock
from counting_datasets.errors import CountingError, PhotoError
from counting_datasets.photo import MAX_PIXELS
from counting_datasets.photo_files import is_photo_name

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

CAMERAS = {"linux": ("v4l2", "/dev/video0"), "darwin": ("avfoundation", "0"), "win32": ("dshow", "video=0")}
"""By operating system: FFmpeg's input device for cameras, and the default camera."""

MOVING = (".gif", ".webp", ".avif", ".png")
"""File name suffixes of photos that may be animations."""

LATE, LATE_SHARE = 2.0, 0.1
"""Largest time from the last frame to the end by the header: in seconds, and as a share of the length."""

_ONLY_FILES = {"protocol_whitelist": "file,pipe"}
"""Playlists must not make FFmpeg open network addresses."""


@dataclass(frozen=True)
class Frame:
    """A frame in upright RGB, and its time in seconds since the video's first frame."""

    seconds: float
    photo: Image.Image


@dataclass
class Video:
    """An open video; a context that closes it.

    Attributes:
        name: for messages.
        damage: why decoding ended early or skipped some data; None if nothing was lost.
    """

    name: str
    _container: "InputContainer"
    _stream: "VideoStream"
    damage: str | None = field(default=None, init=False)

    @property
    def duration(self) -> float | None:
        """The length in seconds by the file's header; None if it does not say."""
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        return None if self._container.duration is None else self._container.duration / 1e6

    def expected_frames(self, every: float) -> int | None:
        """The number of frames that ``frames`` yields, by the header's length; None if it does not say."""
        return None if self.duration is None else int(self.duration // every) + 1

    def frames(self, every: float) -> Iterator[Frame]:
        """The first frame, and then the first one at or after each multiple of ``every`` seconds.

        Data that cannot be decoded are skipped and named in ``damage``.

        Raises:
            PhotoError: no frame at all can be decoded, or frames are too large.
        """
        first: float | None = None
        elapsed = 0.0
        ticks = 0
        for second, frame in self._timed():
            first = second if first is None else first
            elapsed = second - first
            if elapsed < ticks * every - 1e-6:
                continue
            ticks = int((elapsed + 1e-6) // every) + 1
            yield Frame(elapsed, self._photo(frame))
        if first is None:
            why = f" ({self.damage})" if self.damage else ""
            raise PhotoError(f"{self.name}: no frame can be decoded{why}")
        if self.duration is not None and self.duration - elapsed > max(LATE, LATE_SHARE * self.duration):
            self.damage = f"ends at {clock(elapsed)}, but its header says {clock(self.duration)}"

    def _timed(self) -> Iterator[tuple[float, "VideoFrame"]]:
        """Frames with rising times; one without a time stamp follows the last by the average frame rate."""
        step = float(1 / self._stream.average_rate) if self._stream.average_rate else 1 / 25
        last: float | None = None
        for frame in self._decoded():
            second = frame.time
            if second is None:
                second = 0.0 if last is None else last + step
            if last is None or second > last:
                last = second
                yield second, frame

    def _decoded(self) -> Iterator["VideoFrame"]:
        import av

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                self.damage = f"the file is damaged and ends early: {_reason(error)}"
                return
            try:
                yield from packet.decode()
            except av.error.FFmpegError as error:
                self.damage = f"damaged parts were skipped: {_reason(error)}"

    def _photo(self, frame: "VideoFrame") -> Image.Image:
        """The frame with square pixels, turned upright."""
        if frame.width * frame.height > MAX_PIXELS:
            raise PhotoError(f"{self.name}: {frame.width}×{frame.height} pixels, the maximum is {MAX_PIXELS:,}")
        photo: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]  # av has no types for it
        shape = self._stream.sample_aspect_ratio
        if shape and shape != 1:
            photo = photo.resize((max(1, round(photo.width * float(shape))), photo.height))
        turned = round(frame.rotation / 90) % 4
        return photo.transpose(_TURNS[turned]) if turned else photo

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()


_TURNS = {
    1: Image.Transpose.ROTATE_90,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_270,
}
"""By quarter turns counter-clockwise, as FFmpeg's display matrix gives them."""


def open_video(path: Path) -> Video:
    """Open a video file of any format that FFmpeg reads.

    Raises:
        PhotoError: it is missing, empty, corrupt, or contains no video.
        CountingError: PyAV is not installed, or ``path`` is a photo or a folder.
    """
    if path.is_dir():
        raise CountingError(f"{path}: is a folder; give a video")
    if not path.exists():
        raise PhotoError(f"{path}: no such video")
    if is_photo_name(path) and path.suffix.lower() not in MOVING:
        raise CountingError(f"{path}: is a photo; leave --every out")
    return _open(str(path), str(path), options=_ONLY_FILES)


def open_camera(device: str | None = None) -> Video:
    """Open a camera by its FFmpeg device name, by default the first; or a video file in its place.

    Raises:
        PhotoError: no such camera, or it cannot be opened.
        CountingError: PyAV is not installed, or the operating system is not supported.
    """
    if device and Path(device).is_file():
        return open_video(Path(device))
    system, default = CAMERAS.get(sys.platform, (None, ""))
    if system is None:
        raise CountingError(f"no camera support on {sys.platform}")
    return _open(device or default, f"camera {device or default}", format=system)


def _open(place: str, name: str, **options: Any) -> Video:
    try:
        import av
    except ImportError:
        raise CountingError("videos need the package av: pip install 'everyday-counting[video]'") from None
    try:
        container = av.open(place, **options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise PhotoError(f"{name}: cannot be opened as a video: {_reason(error)}") from None
    streams = [one for one in container.streams.video if not _is_cover(one)]
    if not streams:
        container.close()
        raise PhotoError(f"{name}: contains no video")
    stream = streams[0]
    stream.thread_type = "AUTO"
    return Video(name, container, stream)


def _is_cover(stream: "VideoStream") -> bool:
    """Whether a stream is the cover picture of a sound file."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
