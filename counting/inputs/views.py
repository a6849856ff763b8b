"""Views of a scene: the photo itself, its mirror image, and random augmentations."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counting.inputs.augmentation import augment
from counting.inputs.grid import Grid
from counting_datasets.scene import Scene

FIRST_RANDOM_VIEW = 2
"""Number of the first random view, after the photo (0) and its mirror image (1)."""


@dataclass(frozen=True, eq=False)
class View:
    """The objects that are visible in a view of a scene.

    Attributes:
        boxes: n×4 (x0, y0, x1, y1) as shares of the view's width and height.
        kept: their n indices among the scene's objects.
        number: the number of the view.
    """

    boxes: NDArray[np.float64]
    kept: NDArray[np.int64]
    number: int = 0

    def fractional_counts(self, scene: Scene, counted: NDArray[np.bool_], grid: Grid) -> NDArray[np.float64]:
        """Cells × categories fractional counts of the objects that ``counted`` flags."""
        chosen = counted[self.kept]
        labels = scene.labels[self.kept[chosen]]
        return grid.fractional_counts(self.boxes[chosen], labels, (1, 1), len(scene.categories))


def view_of(
    scene: Scene, number: int, side: int, *, zoom_out: bool = False, blur: bool = False
) -> tuple[Image.Image, View]:
    """View ``number`` of a scene: 0 is the photo itself, 1 its mirror image, all others are random.

    With ``zoom_out``, some of the random views show the photo shrunk on a grey background; with ``blur``, some
    have the detail of a smaller photo. The same number always gives the same view.

    Raises:
        PhotoError: the photo cannot be read.
    """
    photo = scene.image()
    extent = np.array([*photo.size, *photo.size], dtype=np.float64)
    all_objects = np.arange(len(scene.boxes))
    if number == 0:
        return photo, View(scene.boxes / extent, all_objects)
    if number == 1:
        mirrored = scene.boxes[:, [2, 1, 0, 3]] / extent
        mirrored[:, [0, 2]] = 1 - mirrored[:, [0, 2]]
        return photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), View(mirrored, all_objects, number)
    seed = zlib.crc32(f"{scene.id} {number}".encode())
    image, boxes, kept = augment(photo, scene.boxes, side, seed, zoom_out=zoom_out, blur=blur)
    return image, View(boxes, kept, number)
