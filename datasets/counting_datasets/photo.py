"""Open any photo as RGB."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from counting_datasets.errors import PhotoError

MOST_PIXELS = 400_000_000
"""Greatest number of pixels of a photo; a file that claims more could fill the memory."""

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
"""Bytes 8 to 12 of HEIF files, after the word ftyp (ISO/IEC 23008-12, annex B)."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WHITES = {**dict.fromkeys(("I;16", "I;16B", "I;16L", "I;16N"), (65535,)), "I": (255, 65535), "F": (1, 255, 65535)}
"""Modes deeper than 8 bits, and what white may be in them: the first that no pixel exceeds."""


def open_photo(path: Path, *, upright: bool = True) -> Image.Image:
    """Decode the photo at ``path`` to RGB, its first frame if it is animated, on white if it is transparent.

    ``upright`` turns it as its EXIF orientation says; annotated data sets count pixels as stored and pass False.

    Raises:
        PhotoError: the file is missing, empty, truncated, too large or no image.
    """
    with _opened(path) as photo:
        return as_rgb(photo, upright=upright)


def decode_photo(content: bytes, name: str) -> Image.Image:
    """``open_photo`` of the bytes of a file, upright; ``name`` is what errors call it.

    Raises:
        PhotoError: the bytes are empty, truncated, of too large a photo or of no image.
    """
    with _opened(Path(name), content) as photo:
        return as_rgb(photo)


def as_rgb(photo: Image.Image, *, upright: bool = True) -> Image.Image:
    """A Pillow image of any mode as RGB, on white if it is transparent, turned as its EXIF orientation says."""
    photo.load()
    return _to_rgb(_upright(photo) if upright else photo)


def photo_size(path: Path) -> tuple[int, int]:
    """(width, height) as stored, from the file's header alone.

    Raises:
        PhotoError: the file is missing, empty, too large or no image.
    """
    with _opened(path) as photo:
        return photo.size


@contextmanager
def _opened(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    try:
        with path.open("rb") if content is None else BytesIO(content) as file, _image(file) as photo:
            if photo.width * photo.height > MOST_PIXELS:
                raise PhotoError(
                    f"{path}: {photo.width}×{photo.height} pixels, more than {MOST_PIXELS:,} is refused"
                )
            yield photo
    except PhotoError:
        raise
    except FileNotFoundError:
        raise PhotoError(f"{path}: no such photo") from None
    except UnidentifiedImageError:
        raise PhotoError(f"{path}: empty, or no image of a known format") from None
    except OSError as error:
        raise PhotoError(f"{path}: {_reason(error)}") from None
    except Exception as error:  # Pillow's formats fail on damaged files each in its own way
        raise PhotoError(f"{path}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else f"not a readable image ({error})"
    return " ".join(said.split())


def _image(file: IO[bytes]) -> Image.Image:
    """The image in ``file``, whatever the file's name; HEIF's reader is imported only for HEIF."""
    start = file.read(64)
    file.seek(0)
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS and b"avif" not in start:
        from pillow_heif import open_heif

        return open_heif(file).to_pillow()
    return _PILLOW.open(file)


class _Pillow:
    """Pillow without its limit on pixels, which is the host program's and too small for 200 megapixels."""

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        """A process that is forked while another thread opens a photo would wait for that thread forever."""
        self._lock = Lock()

    def open(self, file: IO[bytes]) -> Image.Image:
        with self._lock:
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                return Image.open(file)
            finally:
                Image.MAX_IMAGE_PIXELS = limit


_PILLOW = _Pillow()


def _upright(photo: Image.Image) -> Image.Image:
    """Reads nothing but the orientation; ``ImageOps.exif_transpose`` fails where other EXIF is damaged."""
    try:
        turn = _TURNS.get(photo.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # as in _opened; a photo with EXIF beyond reading is still a photo
        return photo
    return photo if turn is None else photo.transpose(turn)


def _to_rgb(photo: Image.Image) -> Image.Image:
    if photo.mode in _WHITES:
        return _from_deep_grey(photo)
    if photo.mode in ("LA", "PA", "RGBA") or "transparency" in photo.info:
        canvas = Image.new("RGBA", photo.size, "white")
        return Image.alpha_composite(canvas, photo.convert("RGBA")).convert("RGB")
    return photo.convert("RGB")


def _from_deep_grey(photo: Image.Image) -> Image.Image:
    """Pillow's own conversion clips greys deeper than 8 bits at 255; scale them by their white instead."""
    grey = np.nan_to_num(np.asarray(photo, dtype=np.float64))
    brightest = float(grey.max())
    white = next((white for white in _WHITES[photo.mode] if brightest <= white), brightest)
    return Image.fromarray(np.clip(grey / white * 255, 0, 255).astype(np.uint8)).convert("RGB")
