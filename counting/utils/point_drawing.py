"""Draw located objects as dots on a photo."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from counting.utils.drawing import LARGEST, SMALLEST, colour_of, draw_dot, resized, with_caption


def draw_points(
    photo: Image.Image, points: Mapping[str, NDArray[np.floating]], captions: Sequence[str]
) -> Image.Image:
    """The photo with a dot in its category's colour on each point, and a caption.

    Args:
        photo: RGB, of any size; the drawing is resized to fit a screen.
        points: by category, arrays whose first two columns are x and y in pixels of ``photo``.
        captions: each category's count in words, in the same order.
    """
    drawn = resized(photo, SMALLEST, LARGEST)
    scale = np.divide(drawn.size, photo.size)
    radius = max(drawn.size) / 130
    pen = ImageDraw.Draw(drawn)
    colours = [colour_of(index) for index in range(len(points))]
    for colour, category_points in zip(colours, points.values(), strict=True):
        for x, y in category_points[:, :2] * scale:
            centre = (_inside(x, radius, drawn.width), _inside(y, radius, drawn.height))
            draw_dot(pen, centre, radius, colour)
    return with_caption(drawn, captions, colours)


def _inside(coordinate: float, radius: float, side: int) -> float:
    """``coordinate``, moved so that a dot there is completely inside the picture."""
    return max(min(coordinate, side - radius - 3), radius + 2)
