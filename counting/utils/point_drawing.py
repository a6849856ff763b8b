"""A photo with a dot on every object that was located."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from counting.utils.drawing import LARGEST, SMALLEST, above_bar, colour_of, draw_dot, resized


def draw_points(
    photo: Image.Image, points: Mapping[str, NDArray[np.floating]], things: Sequence[str]
) -> Image.Image:
    """The photo with a dot on each point, in its category's colour, above a bar that says what is there.

    Args:
        photo: RGB, of any size; the drawing is about as large as a screen shows.
        points: for each category that is shown, n×2 or more: x and y in pixels of ``photo``.
        things: each category's count in words, in the same order.
    """
    drawn = resized(photo, SMALLEST, LARGEST)
    scale = np.divide(drawn.size, photo.size)
    radius = max(drawn.size) / 130
    pen = ImageDraw.Draw(drawn)
    colours = [colour_of(index) for index in range(len(points))]
    for colour, of_category in zip(colours, points.values(), strict=True):
        for x, y in of_category[:, :2] * scale:
            inside = (_within(x, radius, drawn.width), _within(y, radius, drawn.height))
            draw_dot(pen, inside, radius, colour)
    return above_bar(drawn, things, colours)


def _within(place: float, radius: float, side: int) -> float:
    """``place``, moved so that a dot around it lies in the picture."""
    return max(min(place, side - radius - 3), radius + 2)
