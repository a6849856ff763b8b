"""Photos are resized to the same pixels whatever the version of Pillow."""

import hashlib

import numpy as np
import pytest
from PIL import Image, __version__

from counting.inputs.preprocessing import RESAMPLING, resize, to_square

PILLOW = int(__version__.split(".")[0])


def noise(width: int, height: int) -> Image.Image:
    """A picture on which every difference in rounding shows."""
    pixels = np.random.default_rng(width + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.skipif(PILLOW != 13, reason="compares with Pillow 13")
@pytest.mark.parametrize("interpolation", RESAMPLING)
@pytest.mark.parametrize("size", [(48, 48), (37, 61)])
def test_pixels_are_those_of_pillow_13(interpolation: str, size: tuple[int, int]) -> None:
    width, height = size
    columns = (width // 2, width - 1, width, width + 1, width + 9, 3 * width)
    for photo in (
        noise(wide, height + more)
        for wide in columns
        for more in (-9, 0, 1, 2, 3, 17, 18, 19, 4 * width - 1, 4 * width, 4 * width + 1)
    ):
        ours = resize(photo, size, RESAMPLING[interpolation])
        assert ours.tobytes() == photo.resize(size, RESAMPLING[interpolation]).tobytes(), photo.size


@pytest.mark.parametrize(
    ("photo", "digest"),
    [((375, 500), "f4afc6b69de3"), ((500, 375), "9c7448ae93bf"), ((300, 400), "de8aad556a94")],
    ids=["portrait", "landscape", "enlarged"],
)
def test_a_square_has_the_same_pixels_in_every_version(photo: tuple[int, int], digest: str) -> None:
    pixels = to_square(noise(*photo), 480, "bicubic").numpy().tobytes()
    assert hashlib.sha256(pixels).hexdigest()[:12] == digest
