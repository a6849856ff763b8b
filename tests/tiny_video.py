"""Small videos for tests, encoded by PyAV."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (64, 48)


def write_video(
    path: Path,
    greys: Sequence[int],
    times: Sequence[float] | None = None,
    *,
    rotation: int = 0,
    pixel_shape: Fraction = Fraction(1),
    codec: str = "mpeg4",
) -> Path:
    """Frames whose left half has the given grey and whose right half is black, at 10 a second or at ``times``."""
    seconds = [n / 10 for n in range(len(greys))] if times is None else times
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.sample_aspect_ratio = pixel_shape
        stream.codec_context.gop_size = 5
        if rotation:
            stream.set_display_rotation(rotation)
        for grey, second in zip(greys, seconds, strict=True):
            pixels = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
            pixels[:, : SIZE[0] // 2] = grey
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(second * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_sound(path: Path) -> Path:
    """A second of silence."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        for start in range(0, 8000, 1000):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1000), dtype=np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 8000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
