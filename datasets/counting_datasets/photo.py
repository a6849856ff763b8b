"""Open any photo as RGB."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from counting_datasets.errors import PhotoError

Image.MAX_IMAGE_PIXELS = 200_000_000
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".avif", ".ppm"})
_SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N", "I")


def open_photo(path: Path, *, upright: bool = True) -> Image.Image:
    """Decode the photo at ``path`` to RGB, its first frame if it is animated.

    ``upright`` turns it as its EXIF orientation says; annotated data sets count pixels as stored and pass False.

    Raises:
        PhotoError: the file is missing, empty, truncated, too large or no image.
    """
    try:
        with Image.open(path) as photo:
            photo.load()
            turned = ImageOps.exif_transpose(photo) if upright else photo
            return _to_rgb(turned)
    except FileNotFoundError:
        raise PhotoError(f"{path}: no such photo") from None
    except Image.DecompressionBombError:
        raise PhotoError(f"{path}: more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels, refused") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PhotoError(f"{path}: not a readable image ({error})") from None


def _to_rgb(photo: Image.Image) -> Image.Image:
    if photo.mode in _SIXTEEN_BIT:
        return _from_sixteen_bit(photo)
    if photo.mode in ("LA", "PA", "RGBA") or "transparency" in photo.info:
        canvas = Image.new("RGBA", photo.size, "white")
        return Image.alpha_composite(canvas, photo.convert("RGBA")).convert("RGB")
    return photo.convert("RGB")


def _from_sixteen_bit(photo: Image.Image) -> Image.Image:
    """Pillow's own conversion clips 16-bit greys at 255; scale by the range they use instead."""
    grey = np.asarray(photo, dtype=np.float64)
    scale = 255.0 if grey.max() <= 255 else 65535.0
    return Image.fromarray(np.clip(grey / scale * 255.0, 0, 255).astype(np.uint8)).convert("RGB")
