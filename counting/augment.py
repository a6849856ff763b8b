"""Augmentation that keeps boxes, hence counts, true. Nothing else imports albumentations."""

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for its version otherwise

import albumentations  # noqa: E402  (the variable above must be set first)

VISIBLE_SHARE = 0.4
"""An object counts while at least this share of its box stays in the frame."""


@dataclass(frozen=True, eq=False)
class View:
    """A photo, perhaps changed, and the objects still in it.

    Attributes:
        photo: RGB.
        boxes: n×4 (x0, y0, x1, y1) in the photo's pixels.
        kept: n indices of these objects among those of the photo it was made from.
    """

    photo: Image.Image
    boxes: NDArray[np.float64]
    kept: NDArray[np.int64]


class Augmentation:
    """Random views of a photo: flipped, cropped to at least ``smallest_crop`` of its area, recoloured.

    The same seed gives the same view.
    """

    def __init__(self, side: int, smallest_crop: float = 0.4) -> None:
        self.side = side
        self.smallest_crop = smallest_crop
        self._transform = albumentations.Compose(
            [
                albumentations.HorizontalFlip(p=0.5),
                albumentations.RandomResizedCrop(
                    (side, side), scale=(smallest_crop, 1.0), ratio=(0.75, 1.333)
                ),
                albumentations.ColorJitter(
                    brightness=(0.8, 1.2),
                    contrast=(0.8, 1.2),
                    saturation=(0.8, 1.2),
                    hue=(-0.03, 0.03),
                    p=0.5,
                ),
            ],
            bbox_params=albumentations.BboxParams(
                format="pascal_voc",
                label_fields=["objects"],
                min_visibility=VISIBLE_SHARE,
                clip=True,
                filter_invalid_bboxes=True,
            ),
        )

    def __call__(self, photo: Image.Image, boxes: NDArray[np.float64], seed: int) -> View:
        """A view of ``photo`` (RGB), whose n×4 ``boxes`` are in its pixels."""
        self._transform.set_random_seed(seed)
        out = self._transform(image=np.asarray(photo), bboxes=boxes, objects=np.arange(len(boxes)))
        left = np.asarray(out["bboxes"], dtype=np.float64).reshape(-1, 4)
        kept = np.asarray(out["objects"], dtype=np.int64).reshape(-1)
        return View(Image.fromarray(out["image"]), left, kept)


def mirror(photo: Image.Image, boxes: NDArray[np.float64]) -> View:
    """The photo and its boxes, left for right."""
    width = photo.width
    mirrored = np.stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]], axis=1)
    return View(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT), mirrored, np.arange(len(boxes)))
