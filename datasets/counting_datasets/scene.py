"""The record that every loader returns: a photo and its annotated objects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counting_datasets.errors import PhotoError
from counting_datasets.photo import open_photo, photo_size
from counting_datasets.protocol import Protocol

Masks = Callable[[], list[NDArray[np.bool_]]]


class Scene:
    """One annotated photo.

    Attributes:
        id: the photo's file name without its suffix, preceded by its folders if file names repeat.
        number: the photo's id in the data set, as text ("42" for COCO_val2014_000000000042.jpg).
        path: the path of the photo, which may be missing; only ``image`` opens it, and ``size`` if not annotated.
        labels: n indices into ``categories``.
        difficult, crowd: n flags.
        categories: K category names.
        masks: decodes the n instance masks (height×width each); None unless every object has a mask.
        known: K flags: whether the category was annotated in this photo; None if all were.
        crowded: K flags: whether the category has a crowd region without an annotation; None if none has.
        suspected: n probabilities: 1 for annotated objects, below 1 for a detector's boxes, which never count.
            None if all objects are annotated.
    """

    def __init__(
        self,
        id: str,
        number: str,
        path: Path,
        size: tuple[int, int] | None,
        boxes: NDArray[np.float64],
        labels: NDArray[np.int64],
        difficult: NDArray[np.bool_],
        crowd: NDArray[np.bool_],
        categories: tuple[str, ...],
        masks: Masks | None = None,
        known: NDArray[np.bool_] | None = None,
        crowded: NDArray[np.bool_] | None = None,
        suspected: NDArray[np.float64] | None = None,
    ) -> None:
        """``size`` is None if it was not annotated; ``boxes`` are as annotated and may extend beyond the photo."""
        self.id = id
        self.number = number
        self.path = path
        self.labels = labels
        self.difficult = difficult
        self.crowd = crowd
        self.categories = categories
        self.masks = masks
        self.known = known
        self.crowded = crowded
        self.suspected = suspected
        self._annotated_size = size
        self._annotated_boxes = boxes

    def __repr__(self) -> str:
        return f"Scene({self.id!r}, {len(self.labels)} objects)"

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, as annotated, or else from the photo's header.

        Raises:
            PhotoError: it was not annotated, and the photo is missing or unreadable.
        """
        return self._annotated_size or photo_size(self.path)

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        """n×4: (x0, y0, x1, y1) in pixels, 0-based and half-open, clipped to the photo.

        Raises:
            PhotoError: as ``size``.
        """
        return np.clip(self._annotated_boxes, 0, [*self.size, *self.size])

    def replaced(self, **changes: Any) -> "Scene":
        """A copy with some of the constructor's arguments changed."""
        own = ("id", "number", "path", "labels", "difficult", "crowd", "categories", "masks")
        values = {name: getattr(self, name) for name in (*own, "known", "crowded", "suspected")}
        annotated = {"size": self._annotated_size, "boxes": self._annotated_boxes}
        return Scene(**(values | annotated | changes))

    def relabelled(self, label_of: Mapping[int, int], categories: tuple[str, ...]) -> "Scene":
        """A copy with label k changed to ``label_of[k]``; objects with labels not in ``label_of`` are left out."""
        kept = np.array([label in label_of for label in self.labels], dtype=bool)
        return self.replaced(
            boxes=self._annotated_boxes[kept],
            labels=np.array([label_of[label] for label in self.labels[kept]], dtype=np.int64),
            difficult=self.difficult[kept],
            crowd=self.crowd[kept],
            categories=categories,
            masks=partial(_kept_masks, self.masks, kept) if self.masks else None,
            suspected=None if self.suspected is None else self.suspected[kept],
            known=~_flags(label_of, len(categories), ~self.known_counts(Protocol()), absent=True),
            crowded=None
            if self.crowded is None
            else _flags(label_of, len(categories), self.crowded, absent=False),
        )

    def known_counts(self, protocol: Protocol) -> NDArray[np.bool_]:
        """K flags: whether the category's count under ``protocol`` is known.

        Under ``no_crowd``, the counts of ``crowded`` categories are unknown.
        """
        known = np.ones(len(self.categories), dtype=bool) if self.known is None else self.known.copy()
        if protocol.no_crowd and self.crowded is not None:
            known &= ~self.crowded
        return known

    def certain_counts(self) -> NDArray[np.bool_]:
        """K flags: whether the category's count is known exactly: it is annotated and has no crowd region."""
        certain = self.known_counts(Protocol(no_crowd=True))
        certain[self.labels[self.crowd]] = False
        return certain

    def counted(self, protocol: Protocol) -> NDArray[np.bool_]:
        """n flags: whether ``protocol`` counts the object."""
        left_out = np.zeros(len(self.labels), dtype=bool) if self.suspected is None else self.suspected < 1
        if protocol.non_difficult:
            left_out |= self.difficult
        if protocol.no_crowd:
            left_out |= self.crowd
        return ~left_out

    def counts(self, protocol: Protocol) -> NDArray[np.int64]:
        """K integers: the number of objects of each category under ``protocol``."""
        return np.bincount(self.labels[self.counted(protocol)], minlength=len(self.categories))

    def image(self) -> Image.Image:
        """The photo as RGB, in the orientation in which the boxes were annotated.

        Raises:
            PhotoError: it is missing or unreadable, or its size differs from the annotated one.
        """
        photo = open_photo(self.path, upright=False)
        if self._annotated_size in (None, photo.size):
            return photo
        upright = open_photo(self.path)
        if upright.size != self._annotated_size:
            raise PhotoError(f"{self.path}: {photo.size} pixels, but its annotation says {self._annotated_size}")
        return upright


def _flags(
    label_of: Mapping[int, int], categories: int, flags: NDArray[np.bool_], *, absent: bool
) -> NDArray[np.bool_]:
    """Flags of the new categories: whether any old category mapped to it is flagged; ``absent`` if none is."""
    found = np.full(categories, absent)
    found[list(label_of.values())] = False
    found[[new for old, new in label_of.items() if flags[old]]] = True
    return found


def _kept_masks(masks: Masks, kept: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    return [mask for mask, is_kept in zip(masks(), kept, strict=True) if is_kept]


@dataclass(frozen=True, eq=False)
class SceneSet(Sequence[Scene]):
    """The scenes of one split, in the split's order.

    Attributes:
        data: the data set's name ("voc2007").
        split: the split's name.
        family: its format, "voc" or "coco".
        categories: K category names.
        scenes: the scenes.
        category_ids: category names by the annotation file's category ids as text; may include more than
            ``categories``. None if the format has no ids.
    """

    data: str
    split: str
    family: str
    categories: tuple[str, ...]
    scenes: tuple[Scene, ...] = field(repr=False)
    category_ids: Mapping[str, str] | None = field(default=None, repr=False)

    def under(self, protocol: Protocol) -> "SceneSet":
        """The scenes that ``protocol`` evaluates: under ``non-empty`` those with a counted object, else all."""
        if not protocol.non_empty:
            return self
        kept = tuple(scene for scene in self.scenes if scene.counted(protocol).any())
        return replace(self, scenes=kept)

    def joined(self, other: "SceneSet") -> "SceneSet":
        """These scenes, followed by those of another split of the same data set."""
        return replace(self, split=f"{self.split}+{other.split}", scenes=(*self.scenes, *other.scenes))

    def counts(self, protocol: Protocol) -> NDArray[np.int64]:
        """N×K true counts."""
        empty = np.empty((0, len(self.categories)), dtype=np.int64)
        return np.stack([scene.counts(protocol) for scene in self.scenes]) if self.scenes else empty

    def known_counts(self, protocol: Protocol) -> NDArray[np.bool_]:
        """N×K flags: whether the count under ``protocol`` is known."""
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
