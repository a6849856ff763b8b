"""Photo inputs: paths, bytes of image files, PIL images, arrays and tensors."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from counting_datasets.errors import CountingError, PhotoError
from counting_datasets.photo import as_rgb, decode_photo, open_photo
from counting_datasets.photo_files import find_photos


class StoredPhoto(ABC):
    """A photo inside another file or in remote storage, read when it is opened."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Where it is stored, for errors."""

    @abstractmethod
    def read_bytes(self) -> bytes:
        """The bytes of its image file.

        Raises:
            PhotoError: it cannot be read; names it.
        """


ACCEPTED = (
    "a path, the bytes of an image file, a PIL image, a uint8 array (height × width for grey, × 3 for RGB or "
    "× 4 for RGBA), a tensor (3 × height × width, uint8 or floats from 0 to 1), or a row of a Hugging Face dataset"
)
"""The accepted photo inputs, for errors."""


@dataclass(frozen=True, eq=False)
class PhotoSource:
    """A photo input; every call of ``open`` decodes it.

    Attributes:
        content: the input.
        name: its name in errors: its path, or its position in a list.
    """

    content: Any
    name: str = "photo"

    @classmethod
    def of(cls, content: Any, default_name: str = "photo") -> "PhotoSource":
        """The source of ``content``, named after its path if it has one.

        Raises:
            CountingError: the path is empty.
        """
        if isinstance(content, PhotoSource):
            return content
        if isinstance(content, Mapping):
            return cls._of_row(content, default_name)
        if isinstance(content, str | os.PathLike):
            path = checked_path(content)
            return cls(path, str(path))
        if isinstance(content, StoredPhoto):
            return cls(content, content.name)
        filename = getattr(content, "filename", "") if isinstance(content, Image.Image) else ""
        return cls(content, str(filename or default_name))

    @classmethod
    def _of_row(cls, row: Mapping[str, Any], default_name: str) -> "PhotoSource":
        """The source of a row with an ``image``, or of an undecoded image: its ``bytes``, or else its ``path``."""
        if "image" in row:
            return cls.of(row["image"], default_name)
        name = row.get("path")
        if row.get("bytes") is not None:
            return cls(row["bytes"], str(name or default_name))
        return cls(row, default_name) if name is None else cls.of(name, default_name)

    @property
    def path(self) -> Path | None:
        """The photo's path; None for a photo in memory."""
        return self.content if isinstance(self.content, Path) else None

    def open(self) -> Image.Image:
        """The photo in RGB, rotated upright.

        Raises:
            PhotoError: it cannot be read, or the input is of another kind.
        """
        content = self.content
        if isinstance(content, Path):
            return open_photo(content)
        if isinstance(content, StoredPhoto):
            return decode_photo(content.read_bytes(), self.name)
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
        raise PhotoError(f"{self.name}: {type(content).__name__} is not a photo; give {ACCEPTED}")

    def _from_array(self, pixels: np.ndarray[Any, Any]) -> Image.Image:
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
            shape = " × ".join(map(str, pixels.shape)) or "a number"
            raise PhotoError(f"{self.name}: {pixels.dtype} array of {shape} is not a photo; give {ACCEPTED}")
        if pixels.size == 0:
            raise PhotoError(f"{self.name}: empty array, give one with at least one pixel")
        return as_rgb(Image.fromarray(np.ascontiguousarray(pixels)))

    def _from_tensor(self) -> np.ndarray[Any, Any]:
        """The tensor as height × width × 3 bytes."""
        pixels = self.content.detach().cpu()
        floating = pixels.is_floating_point()
        if (
            pixels.ndim != 3
            or pixels.shape[0] not in (1, 3)
            or not (floating or str(pixels.dtype) == "torch.uint8")
        ):
            shape = " × ".join(map(str, pixels.shape)) or "a number"
            raise PhotoError(f"{self.name}: {pixels.dtype} tensor of {shape} is not a photo; give {ACCEPTED}")
        if pixels.numel() == 0:
            raise PhotoError(f"{self.name}: empty tensor, give one with at least one pixel")
        if floating:
            if not bool(((pixels >= 0) & (pixels <= 1)).all()):
                raise PhotoError(f"{self.name}: float values outside 0–1, give a tensor that is not normalized")
            pixels = (pixels.float() * 255).round().byte()
        channels_last: np.ndarray[Any, Any] = pixels.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
        return channels_last


def checked_path(name: "str | os.PathLike[str]") -> Path:
    """``name`` as a path, with ``~`` expanded.

    Raises:
        CountingError: the name is empty, as an unset shell variable is.
    """
    name = os.fspath(name)
    if not name.strip():
        raise CountingError("empty path: give the path of a photo or folder")
    path = Path(name)
    try:
        return path.expanduser()
    except RuntimeError:  # no home folder
        return path


def is_folder(content: Any) -> bool:
    """Whether ``content`` is the path of a folder."""
    try:
        return isinstance(content, str | os.PathLike) and checked_path(content).is_dir()
    except (OSError, ValueError):  # not a valid file name
        return False


def photo_sources(contents: Any) -> Iterator[PhotoSource]:
    """The photos of a single input, of a folder, or of several of these in order.

    Raises:
        CountingError: a folder contains no photos, or a path is empty.
    """
    if is_folder(contents):
        photos = find_photos(checked_path(contents))
        if not photos:
            raise CountingError(f"{contents}: no photos in this folder")
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
    """Whether ``contents`` is an iterable of photos, and not itself a photo."""
    single = (str, bytes, bytearray, memoryview, os.PathLike, Image.Image, np.ndarray, PhotoSource, Mapping)
    return isinstance(contents, Iterable) and not isinstance(contents, single) and not hasattr(contents, "detach")
