"""A detector, whatever library runs it: a photo in, boxes of named categories out."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from counting.detection.adapters import NO_CLASS, Classes, parts_of
from counting.stats.metrics import Floats, Ints
from counting_datasets.errors import CountingError

MIN_SCORE = 0.02
"""Minimum score of a box; lower ones are noise."""


@dataclass(frozen=True, eq=False)
class PhotoBoxes:
    """The D boxes of a photo.

    Attributes:
        corners: D×4 float64, (x0, y0, x1, y1) in pixels of the photo.
        scores: D float64, from ``MIN_SCORE`` to 1.
        category: D indices into the detector's categories.
    """

    corners: Floats
    scores: Floats
    category: Ints


class Detector(Protocol):
    """What finds the boxes of a photo."""

    categories: tuple[str, ...]

    def detect(self, photo: Image.Image) -> PhotoBoxes:
        """The boxes in an RGB photo."""
        ...


@dataclass(frozen=True)
class ClassColumns:
    """The categories of a detector, and the one that each class number means.

    Attributes:
        categories: the K distinct class names, without those that stand for no class.
        column: class number → index into ``categories``.
    """

    categories: tuple[str, ...]
    column: Mapping[int, int]

    @classmethod
    def of(cls, classes: Classes) -> "ClassColumns":
        """From class names by class number; background and unused class numbers are left out.

        Raises:
            CountingError: no class has a name.
        """
        named = classes if isinstance(classes, Mapping) else dict(enumerate(classes))
        things = {int(number): str(name) for number, name in named.items() if name and name not in NO_CLASS}
        if not things:
            raise CountingError("the detector has no named classes")
        categories = tuple(dict.fromkeys(things.values()))
        return cls(categories, {number: categories.index(name) for number, name in things.items()})

    def boxes(self, output: Any) -> PhotoBoxes:
        """The boxes in a library's output for one photo: torchvision's, ultralytics' or supervision's.

        Boxes of other classes, with scores below ``MIN_SCORE`` or with corners that are not finite are left out.
        """
        return self.of_arrays(*parts_of(output))

    def of_arrays(self, corners: Floats, scores: Floats, labels: Floats) -> PhotoBoxes:
        """As ``boxes``, from D×4 corners, D scores and D class numbers."""
        numbers = np.where(np.isfinite(labels), labels, -1).astype(np.int64).tolist()
        category = np.array([self.column.get(number, -1) for number in numbers], dtype=np.int64)
        kept = (category >= 0) & (scores >= MIN_SCORE) & np.isfinite(corners).all(axis=1)
        return PhotoBoxes(corners[kept], scores[kept].clip(max=1), category[kept])


def import_library(module: str, package: str, what: str) -> Any:
    """The module of another library.

    Raises:
        CountingError: the package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CountingError(f"{what} needs the package {package}: pip install {package} ({error})") from None


@contextmanager
def loading(what: str) -> Iterator[None]:
    """Turn any error of another library, which may be of any kind, into one line that names ``what``."""
    try:
        yield
    except CountingError:
        raise
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise CountingError(f"{what}: cannot be loaded ({reason or type(error).__name__})") from None


def split_weights(name: str) -> tuple[str, Path | None]:
    """The name and the weights in ``NAME`` or ``NAME@WEIGHTS``.

    Raises:
        CountingError: there is no such file.
    """
    architecture, _, file = name.partition("@")
    if not file:
        return architecture, None
    path = Path(file).expanduser()
    if not path.exists():
        raise CountingError(f"{path}: no such weights file")
    return architecture, path


def refuse_categories(what: str, categories: Sequence[str]) -> None:
    """Raise CountingError if a detector with classes of its own is asked for others."""
    if categories:
        raise CountingError(f"{what} has categories of its own: only zero-shot detectors take others by name")
