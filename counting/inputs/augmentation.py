"""Augmentation of photos together with their boxes; the only module that imports albumentations."""

import json
import os
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    import albumentations

VISIBLE_SHARE = 0.4
"""Smallest visible share of a box for which its object still counts."""

ZOOM, GREY, ZOOMED_OUT = (0.5, 1.0), 127, 0.35
"""Range of scale factors, grey level of the background, and share of the photos for zooming out."""

DETAIL, BLURRED = (0.4, 0.9), 0.3
"""Range of the share of its side at which a blurred view is sampled, and share of the views that are blurred."""

SMALLEST_CROP = 0.4
"""Smallest share of the photo's area in a crop."""


def augment(
    photo: Image.Image,
    boxes: NDArray[np.float64],
    side: int,
    seed: int,
    *,
    zoom_out: bool = False,
    blur: bool = False,
) -> tuple[Image.Image, NDArray[np.float64], NDArray[np.int64]]:
    """A random view of an RGB photo, side × side pixels: cropped, and by chance mirrored or colour-jittered.

    With ``zoom_out``, some photos are shrunk on a grey background before the crop; with ``blur``, some views lose
    detail. ``boxes`` is n×4 (x0, y0, x1, y1) in the photo's pixels; a point, whose box has no area, is seen as one
    pixel. The same seed gives the same view.

    Returns:
        The view, m×4 boxes that are still visible, as shares of its width and height, and their m indices in
        ``boxes``.
    """
    transform = _transform(side, zoom_out, blur)
    transform.set_random_seed(seed)
    boxes = with_area(boxes.reshape(-1, 4), photo.size)
    out = transform(image=np.asarray(photo), bboxes=boxes, objects=np.arange(len(boxes)))
    visible = np.asarray(out["bboxes"], dtype=np.float64).reshape(-1, 4) / side
    kept = np.asarray(out["objects"], dtype=np.int64).reshape(-1)
    return Image.fromarray(out["image"]), visible, kept


def with_area(boxes: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """n×4 boxes, clipped to a photo of ``size`` (width, height); one without width or height gets one pixel."""
    extent = np.array([*size, *size], dtype=np.float64)
    clipped = np.clip(boxes, 0, extent)
    low, high, limit = clipped[:, :2], clipped[:, 2:], extent[:2]
    start = np.clip((low + high - 1) / 2, 0, limit - 1)
    flat = high <= low
    return np.hstack([np.where(flat, start, low), np.where(flat, start + 1, high)])


@cache
def description(side: int, *, zoom_out: bool = False, blur: bool = False) -> str:
    """All parameters of the augmentation and albumentations' version, as JSON."""
    transform = _albumentations().to_dict(_transform(side, zoom_out, blur))
    return json.dumps(transform, sort_keys=True, default=str)


@cache
def _transform(side: int, zoom_out: bool, blur: bool) -> "albumentations.Compose":
    albumentations = _albumentations()
    lose_detail = albumentations.Downscale(scale_range=DETAIL, p=BLURRED)
    shrink = albumentations.Affine(scale=ZOOM, keep_ratio=True, fill=GREY, p=ZOOMED_OUT)
    return albumentations.Compose(
        [
            albumentations.HorizontalFlip(p=0.5),
            *([shrink] if zoom_out else []),
            albumentations.RandomResizedCrop((side, side), scale=(SMALLEST_CROP, 1.0), ratio=(3 / 4, 4 / 3)),
            albumentations.ColorJitter(
                brightness=(0.8, 1.2), contrast=(0.8, 1.2), saturation=(0.8, 1.2), hue=(-0.03, 0.03), p=0.5
            ),
            *([lose_detail] if blur else []),
        ],
        bbox_params=albumentations.BboxParams(
            format="pascal_voc",
            label_fields=["objects"],
            min_visibility=VISIBLE_SHARE,
            clip=True,
            filter_invalid_bboxes=True,
        ),
    )


def _albumentations() -> ModuleType:
    """albumentations, imported without its network request for the latest version."""
    before = os.environ.get("NO_ALBUMENTATIONS_UPDATE")
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    try:
        import albumentations
    finally:
        if before is None:
            del os.environ["NO_ALBUMENTATIONS_UPDATE"]
        else:
            os.environ["NO_ALBUMENTATIONS_UPDATE"] = before
    return cast(ModuleType, albumentations)
