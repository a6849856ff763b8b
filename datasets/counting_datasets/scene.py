"""The record that every loader yields: a photo and the objects in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counting_datasets.errors import PhotoError
from counting_datasets.photo import open_photo
from counting_datasets.protocol import Protocol

Masks = Callable[[], list[NDArray[np.bool_]]]


@dataclass(frozen=True, eq=False)
class Scene:
    """One annotated photo.

    Attributes:
        id: the photo's file name without its ending.
        number: the data set's own id for it, as text ("42" for COCO_val2014_000000000042.jpg).
        path: where the photo should lie; it is opened only by ``image``.
        size: (width, height) in pixels, as annotated.
        boxes: n×4 float64, (x0, y0, x1, y1) in pixels, 0-based and half-open, clipped to the image.
        labels: n indices into ``categories``.
        difficult, crowd: n flags.
        categories: the K names that labels point to.
        masks: decodes the n instance masks (height×width each), where the data set has them for every object.
        known: K flags: the categories that were annotated in this photo. None: every category.
        crowded: K flags: the categories with a crowd region that has no annotation of its own. None: no category.
    """

    id: str
    number: str
    path: Path
    size: tuple[int, int]
    boxes: NDArray[np.float64]
    labels: NDArray[np.int64]
    difficult: NDArray[np.bool_]
    crowd: NDArray[np.bool_]
    categories: tuple[str, ...]
    masks: Masks | None = field(default=None, repr=False)
    known: NDArray[np.bool_] | None = None
    crowded: NDArray[np.bool_] | None = None

    def known_counts(self, protocol: Protocol) -> NDArray[np.bool_]:
        """K flags: the categories whose count under ``protocol`` is known.

        ``no_crowd`` leaves out the counts of ``crowded`` categories, as it does annotated crowds.
        """
        known = np.ones(len(self.categories), dtype=bool) if self.known is None else self.known.copy()
        if protocol.no_crowd and self.crowded is not None:
            known &= ~self.crowded
        return known

    def certain_counts(self) -> NDArray[np.bool_]:
        """K flags: the known categories without any crowd region, which is an unknown number of objects."""
        certain = self.known_counts(Protocol(no_crowd=True))
        certain[self.labels[self.crowd]] = False
        return certain

    def counted(self, protocol: Protocol) -> NDArray[np.bool_]:
        """n flags: the objects that ``protocol`` counts."""
        left_out = np.zeros(len(self.labels), dtype=bool)
        if protocol.non_difficult:
            left_out |= self.difficult
        if protocol.no_crowd:
            left_out |= self.crowd
        return ~left_out

    def counts(self, protocol: Protocol) -> NDArray[np.int64]:
        """K integers: how many objects of each category ``protocol`` counts."""
        return np.bincount(self.labels[self.counted(protocol)], minlength=len(self.categories))

    def image(self) -> Image.Image:
        """The photo as RGB, in the frame the boxes were drawn in.

        Raises:
            PhotoError: it is missing or unreadable, or its size is not the annotated one.
        """
        photo = open_photo(self.path, upright=False)
        if photo.size != self.size:
            upright = open_photo(self.path)
            if upright.size != self.size:
                raise PhotoError(f"{self.path}: {photo.size} pixels, but its annotation says {self.size}")
            return upright
        return photo


@dataclass(frozen=True, eq=False)
class SceneSet(Sequence[Scene]):
    """The scenes of one split, in the split's order.

    Attributes:
        data: the data set's name ("voc2007").
        split: the split's name.
        family: its format, "voc" or "coco".
        categories: K names.
        scenes: the scenes.
        category_ids: the annotation file's category ids, as text, and their names; None where it has no ids. It
            may name more than ``categories``.
    """

    data: str
    split: str
    family: str
    categories: tuple[str, ...]
    scenes: tuple[Scene, ...] = field(repr=False)
    category_ids: Mapping[str, str] | None = field(default=None, repr=False)

    def under(self, protocol: Protocol) -> "SceneSet":
        """Without the scenes that ``protocol`` leaves out (those with nothing to count, under ``non-empty``)."""
        if not protocol.non_empty:
            return self
        kept = tuple(scene for scene in self.scenes if scene.counted(protocol).any())
        return replace(self, scenes=kept)

    def joined(self, other: "SceneSet") -> "SceneSet":
        """These scenes and then those of another split of the same data."""
        return replace(self, split=f"{self.split}+{other.split}", scenes=(*self.scenes, *other.scenes))

    def counts(self, protocol: Protocol) -> NDArray[np.int64]:
        """N×K true counts."""
        empty = np.empty((0, len(self.categories)), dtype=np.int64)
        return np.stack([scene.counts(protocol) for scene in self.scenes]) if self.scenes else empty

    def known_counts(self, protocol: Protocol) -> NDArray[np.bool_]:
        """N×K flags: the counts under ``protocol`` that are known."""
        empty = np.empty((0, len(self.categories)), dtype=bool)
        return np.stack([scene.known_counts(protocol) for scene in self.scenes]) if self.scenes else empty

    def __len__(self) -> int:
        return len(self.scenes)

    @overload
    def __getitem__(self, index: int) -> Scene: ...
    @overload
    def __getitem__(self, index: slice) -> "SceneSet": ...
    def __getitem__(self, index: int | slice) -> "Scene | SceneSet":
        if isinstance(index, slice):
            return replace(self, scenes=self.scenes[index])
        return self.scenes[index]

    def __iter__(self) -> Iterator[Scene]:
        return iter(self.scenes)
