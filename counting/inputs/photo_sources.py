"""Anything that a photo can come from: a path, the bytes of a file, a Pillow image, an array or a tensor."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from counting_datasets.errors import CountingError, PhotoError
from counting_datasets.photo import as_rgb, decode_photo, open_photo
from counting_datasets.photo_files import find_photos

TAKEN = (
    "a path, the bytes of an image file, a PIL image, a uint8 array (height × width for grey, × 3 for RGB or "
    "× 4 for RGBA), or a tensor (3 × height × width, uint8 or floats from 0 to 1)"
)
"""Photo inputs, as errors list them."""


@dataclass(frozen=True, eq=False)
class PhotoSource:
    """A photo that is decoded when it is needed, as often as it is needed.

    Attributes:
        content: what the photo comes from.
        name: what errors call it: its path, or its place among the photos.
    """

    content: Any
    name: str = "photo"

    @classmethod
    def of(cls, content: Any, place: str = "photo") -> "PhotoSource":
        """The source of ``content``, named by its path or, where it has none, by ``place``.

        Raises:
            CountingError: an empty path.
        """
        if isinstance(content, PhotoSource):
            return content
        if isinstance(content, str | os.PathLike):
            path = checked_path(content)
            return cls(path, str(path))
        filename = getattr(content, "filename", "") if isinstance(content, Image.Image) else ""
        return cls(content, str(filename or place))

    @property
    def path(self) -> Path | None:
        """Where the photo lies; None of a photo in memory."""
        return self.content if isinstance(self.content, Path) else None

    def open(self) -> Image.Image:
        """The photo as RGB, upright.

        Raises:
            PhotoError: it cannot be read, or is nothing that a photo can come from.
        """
        content = self.content
        if isinstance(content, Path):
            return open_photo(content)
        if isinstance(content, bytes | bytearray | memoryview):
            return decode_photo(bytes(content), self.name)
        if isinstance(content, Image.Image):
            try:
                return as_rgb(content)
            except (OSError, ValueError) as error:
                raise PhotoError(f"{self.name}: not a readable image ({error})") from None
        if hasattr(content, "detach"):
            return Image.fromarray(self._from_tensor())
        if isinstance(content, np.ndarray):
            return self._from_array(content)
        raise PhotoError(f"{self.name}: {type(content).__name__} is no photo; give {TAKEN}")

    def _from_array(self, pixels: np.ndarray[Any, Any]) -> Image.Image:
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
            shape = " × ".join(map(str, pixels.shape)) or "a number"
            raise PhotoError(f"{self.name}: an array of {shape}, {pixels.dtype}, is no photo; give {TAKEN}")
        if pixels.size == 0:
            raise PhotoError(f"{self.name}: an array without a pixel")
        return as_rgb(Image.fromarray(np.ascontiguousarray(pixels)))

    def _from_tensor(self) -> np.ndarray[Any, Any]:
        """Height × width × 3 bytes."""
        pixels = self.content.detach().cpu()
        floating = pixels.is_floating_point()
        if (
            pixels.ndim != 3
            or pixels.shape[0] not in (1, 3)
            or not (floating or str(pixels.dtype) == "torch.uint8")
        ):
            shape = " × ".join(map(str, pixels.shape)) or "a number"
            raise PhotoError(f"{self.name}: a tensor of {shape}, {pixels.dtype}, is no photo; give {TAKEN}")
        if pixels.numel() == 0:
            raise PhotoError(f"{self.name}: a tensor without a pixel")
        if floating:
            if not bool(((pixels >= 0) & (pixels <= 1)).all()):
                raise PhotoError(f"{self.name}: a tensor of floats must lie between 0 and 1, not be normalized")
            pixels = (pixels.float() * 255).round().byte()
        channels_last: np.ndarray[Any, Any] = pixels.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
        return channels_last


def checked_path(place: "str | os.PathLike[str]") -> Path:
    """A place that someone named, as a path; ``~`` is the home folder.

    Raises:
        CountingError: an empty name, as an unset shell variable leaves it.
    """
    name = os.fspath(place)
    if not name.strip():
        raise CountingError("an empty name: give the path of a photo or folder")
    path = Path(name)
    try:
        return path.expanduser()
    except RuntimeError:  # no home folder
        return path


def is_folder(content: Any) -> bool:
    """Whether ``content`` names a folder, which stands for the photos in it."""
    try:
        return isinstance(content, str | os.PathLike) and checked_path(content).is_dir()
    except (OSError, ValueError):  # a name that no file can have
        return False


def photo_sources(contents: Any) -> Iterator[PhotoSource]:
    """The photos of a folder, of several contents in order, or the one photo of a single content.

    Raises:
        CountingError: a folder without photos, or an empty name.
    """
    if is_folder(contents):
        photos = find_photos(checked_path(contents))
        if not photos:
            raise CountingError(f"{contents}: no photo in this folder")
        yield from map(PhotoSource.of, photos)
    elif is_several(contents):
        for number, content in enumerate(contents, 1):
            if is_folder(content):
                yield from photo_sources(content)
            else:
                yield PhotoSource.of(content, f"photo {number}")
    else:
        yield PhotoSource.of(contents)


def is_several(contents: Any) -> bool:
    """Whether ``contents`` are several photos: a list, a generator or anything else to go through."""
    single = (str, bytes, bytearray, memoryview, os.PathLike, Image.Image, np.ndarray, PhotoSource)
    return isinstance(contents, Iterable) and not isinstance(contents, single) and not hasattr(contents, "detach")
