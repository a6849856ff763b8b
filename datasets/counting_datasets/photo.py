"""Open photos of any format as RGB."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import IO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from counting_datasets.errors import PhotoError

MAX_PIXELS = 400_000_000
"""Maximum number of pixels of a photo; a larger one could exhaust memory."""

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
"""Bytes 8 to 11 of HEIF files, after "ftyp" (ISO/IEC 23008-12, annex B)."""

_TRANSPOSE_OF_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WHITE_LEVELS = {
    **dict.fromkeys(("I;16", "I;16B", "I;16L", "I;16N"), (65535,)),
    "I": (255, 65535),
    "F": (1, 255, 65535),
}
"""Possible white levels of the modes deeper than 8 bits; white is the first level that no pixel exceeds."""


def open_photo(path: Path, *, upright: bool = True) -> Image.Image:
    """Decode the photo at ``path`` to RGB: the first frame of an animation, transparency on white.

    ``upright`` applies the EXIF orientation; pass False if boxes are annotated in the pixels as stored.

    Raises:
        PhotoError: the file is missing, empty, truncated, too large or not an image.
    """
    with _opened(path) as photo:
        return as_rgb(photo, upright=upright)


def decode_photo(content: bytes, name: str) -> Image.Image:
    """Decode the bytes of a photo to upright RGB, as ``open_photo``; errors call it ``name``.

    Raises:
        PhotoError: the bytes are empty, truncated, too large a photo or not an image.
    """
    with _opened(Path(name), content) as photo:
        return as_rgb(photo)


@dataclass(frozen=True)
class PhotoHeader:
    """The format of a photo, as Pillow names it or "HEIF", and its size in pixels as stored."""

    format: str
    width: int
    height: int


def read_header(content: bytes) -> PhotoHeader | None:
    """The header of a photo's bytes, read without decoding any pixels; None if they are not an image."""
    try:
        file = BytesIO(content)
        if _is_heif(file):
            from pillow_heif import open_heif

            return PhotoHeader("HEIF", *open_heif(file).size)
        with _PILLOW.open(file) as photo:
            return PhotoHeader(photo.format or "", *photo.size)
    except Exception:  # the readers raise many kinds of errors for damaged files
        return None


def as_rgb(photo: Image.Image, *, upright: bool = True) -> Image.Image:
    """A Pillow image of any mode as RGB, transparency on white; ``upright`` applies its EXIF orientation."""
    photo.load()
    return _to_rgb(_upright(photo) if upright else photo)


def photo_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels as stored, read from the file's header.

    Raises:
        PhotoError: the file is missing, empty, too large or not an image.
    """
    with _opened(path) as photo:
        return photo.size


@contextmanager
def _opened(path: Path, content: bytes | None = None) -> Iterator[Image.Image]:
    try:
        with path.open("rb") if content is None else BytesIO(content) as file, _image(file, path) as photo:
            yield photo
    except PhotoError:
        raise
    except FileNotFoundError:
        raise PhotoError(f"{path}: no such photo") from None
    except UnidentifiedImageError:
        raise PhotoError(f"{path}: empty, or not an image of a known format") from None
    except OSError as error:
        raise PhotoError(f"{path}: {_reason(error)}") from None
    except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
        raise PhotoError(f"{path}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else f"not a readable image ({error})"
    return " ".join(reason.split())


def _image(file: IO[bytes], path: Path) -> Image.Image:
    """Open the image in ``file``, whatever its name; the HEIF reader is imported only for HEIF."""
    if not _is_heif(file):
        photo = _PILLOW.open(file)
        _check_size(photo.size, path)
        return photo
    from pillow_heif import open_heif

    heif = open_heif(file)
    _check_size(heif.size, path)  # to_pillow decodes it
    return heif.to_pillow()


def _check_size(size: tuple[int, int], path: Path) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{path}: {width}×{height} pixels, the maximum is {MAX_PIXELS:,}")


def _is_heif(file: IO[bytes]) -> bool:
    start = file.read(64)
    file.seek(0)
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS and b"avif" not in start


class _Pillow:
    """Opens images without Pillow's global pixel limit, which is too small for photos of 200 megapixels."""

    def __init__(self) -> None:
        self._reset_lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset_lock)

    def _reset_lock(self) -> None:
        """Create a new lock: a process forked while another thread holds the old one would wait forever."""
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
    """Apply the EXIF orientation; unlike ``ImageOps.exif_transpose``, works if other EXIF data are damaged."""
    try:
        method = _TRANSPOSE_OF_ORIENTATION.get(photo.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF data raise many kinds of errors; the photo is still usable
        return photo
    return photo if method is None else photo.transpose(method)


def _to_rgb(photo: Image.Image) -> Image.Image:
    if photo.mode in _WHITE_LEVELS:
        return _from_deep_grey(photo)
    if photo.mode in ("LA", "PA", "RGBA") or "transparency" in photo.info:
        canvas = Image.new("RGBA", photo.size, "white")
        return Image.alpha_composite(canvas, photo.convert("RGBA")).convert("RGB")
    return photo.convert("RGB")


def _from_deep_grey(photo: Image.Image) -> Image.Image:
    """Scale greys deeper than 8 bits to 0–255, where Pillow's own conversion clips them."""
    grey = np.nan_to_num(np.asarray(photo, dtype=np.float64))
    brightest = float(grey.max())
    white = next((white for white in _WHITE_LEVELS[photo.mode] if brightest <= white), brightest)
    return Image.fromarray(np.clip(grey / white * 255, 0, 255).astype(np.uint8)).convert("RGB")
