"""A numbered pool of views to train on: by turns, a random view of one photo and a mosaic of four."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counting.inputs.views import FIRST_RANDOM_VIEW, View, view_of
from counting_datasets.scene import Scene

TILES = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [0.5, 0.5]])
"""The upper left corners of a mosaic's four photos, as shares of its width and height."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Views of photos: those with even numbers show one photo, those with odd numbers four, in a square of tiles.

    The same number always gives the same view. The four photos of a mosaic are annotated for the same categories.
    (Mosaics: Bochkovskiy, Wang and Liao, YOLOv4, 2020, section 3.3.)

    Attributes:
        scenes: the photos to draw from.
        shares: the probability of each.
        side: width and height of a view in pixels.
        seed: seed of the drawing.
    """

    scenes: Sequence[Scene]
    shares: NDArray[np.float64]
    side: int
    seed: int = 0

    def is_mosaic(self, number: int) -> bool:
        return number % 2 == 1

    def photos(self, number: int) -> list[Scene]:
        """The one or four photos of a view."""
        random = np.random.default_rng((self.seed, number))
        first = int(random.choice(len(self.scenes), p=self.shares))
        chosen = [first]
        if self.is_mosaic(number):
            alike = self._alike[_annotation(self.scenes[first])]
            shares = self.shares[alike] / self.shares[alike].sum()
            chosen += random.choice(alike, 3, p=shares).tolist()
        return [self.scenes[index] for index in chosen]

    @cached_property
    def _alike(self) -> dict[bytes, NDArray[np.int64]]:
        """The photos with the same annotated categories."""
        groups: dict[bytes, list[int]] = {}
        for index, scene in enumerate(self.scenes):
            groups.setdefault(_annotation(scene), []).append(index)
        return {key: np.array(group) for key, group in groups.items()}

    def draw(self, number: int) -> tuple[Image.Image, View]:
        """The pixels of a view, and its objects among those of its photos, one photo's after the other's.

        Raises:
            PhotoError: a photo cannot be read.
        """
        photos = self.photos(number)
        if not self.is_mosaic(number):
            return self._view(photos[0], number, self.side, zoom_out=True)
        tiles = [self._view(photo, 4 * number + i, self.side // 2) for i, photo in enumerate(photos)]
        image = Image.new("RGB", (self.side, self.side))
        for corner, (tile, _) in zip(TILES, tiles, strict=True):
            left, top = (corner * self.side).astype(int).tolist()
            image.paste(tile, (left, top))
        boxes = [view.boxes / 2 + np.tile(corner, 2) for corner, (_, view) in zip(TILES, tiles, strict=True)]
        firsts = np.cumsum([0, *(len(photo.labels) for photo in photos[:-1])])
        kept = [view.kept + first for first, (_, view) in zip(firsts, tiles, strict=True)]
        return image, View(np.concatenate(boxes), np.concatenate(kept), FIRST_RANDOM_VIEW)

    def _view(self, photo: Scene, number: int, side: int, *, zoom_out: bool = False) -> tuple[Image.Image, View]:
        return view_of(photo, FIRST_RANDOM_VIEW + 1 + number, side, zoom_out=zoom_out, blur=True)


def _annotation(scene: Scene) -> bytes:
    known = np.ones(len(scene.categories), dtype=bool) if scene.known is None else scene.known
    return known.tobytes() + bytes([scene.suspected is None])


def put_together(photos: Sequence[Scene]) -> Scene:
    """One scene with the objects of all photos, which are annotated for the same categories.

    The places of the objects are those in their own photos.
    """
    if len(photos) == 1:
        return photos[0]
    crowded = [photo.crowded for photo in photos if photo.crowded is not None]
    suspected = [photo.suspected for photo in photos if photo.suspected is not None]
    return photos[0].replaced(
        id="+".join(photo.id for photo in photos),
        boxes=np.concatenate([photo.boxes for photo in photos]),
        labels=np.concatenate([photo.labels for photo in photos]),
        difficult=np.concatenate([photo.difficult for photo in photos]),
        crowd=np.concatenate([photo.crowd for photo in photos]),
        crowded=np.any(crowded, axis=0) if crowded else None,
        suspected=np.concatenate(suspected) if suspected else None,
        masks=None,
    )
