"""Draw an object in metres, standing on the ground, as an RGBA patch with smooth edges."""

import math
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageDraw

from counting_datasets.generated.colors import Color

Point = tuple[float, float]

_OVERSAMPLING = 3


class Pen:
    """Draws on a patch of ``width`` × ``height`` metres; x points right from its middle, y up from the ground.

    ``scale`` is in pixels per metre. All drawing is opaque; edges are smooth because the patch is oversampled.
    """

    def __init__(self, width: float, height: float, scale: float) -> None:
        self._scale = scale * _OVERSAMPLING
        self._size = tuple(_OVERSAMPLING * max(4, math.ceil(side * scale) + 2) for side in (width, height))
        self._image = Image.new("RGBA", (self._size[0], self._size[1]))
        self._draw = ImageDraw.Draw(self._image)

    def finish(self, *, mirrored: bool = False) -> Image.Image:
        """The patch; the object stands on the middle of its lower edge."""
        image = self._image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else self._image
        return image.reduce(_OVERSAMPLING)

    def polygon(self, points: Sequence[Point], color: Color) -> None:
        self._draw.polygon([self._at(point) for point in points], fill=color)

    def disc(self, center: Point, radius: float, color: Color) -> None:
        self.ellipse(center, radius, radius, color)

    def ellipse(self, center: Point, across: float, up: float, color: Color) -> None:
        """Draw an ellipse with half axes ``across`` and ``up``."""
        (x, y), (dx, dy) = self._at(center), (across * self._scale, up * self._scale)
        self._draw.ellipse((x - dx, y - dy, x + dx, y + dy), fill=color)

    def box(self, corner: Point, opposite: Point, color: Color, *, radius: float = 0) -> None:
        (x0, y0), (x1, y1) = self._at(corner), self._at(opposite)
        area = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        self._draw.rounded_rectangle(area, radius * self._scale, fill=color)

    def stroke(self, points: Sequence[Point], thickness: float, color: Color) -> None:
        """Draw a line with round ends and joints."""
        wide = max(_OVERSAMPLING, round(thickness * self._scale))
        places = [self._at(point) for point in points]
        self._draw.line(places, fill=color, width=wide)
        for x, y in places:
            self._draw.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=color)

    def turned(self, profile: Sequence[Point], color: Color, left: float = -1, right: float = 1) -> None:
        """Draw a solid of revolution; ``profile`` lists its (radius, y).

        ``left`` and ``right``, from -1 to 1, limit the painted part of its width.
        """
        left_edge = [(radius * left, y) for radius, y in profile]
        right_edge = [(radius * right, y) for radius, y in reversed(profile)]
        self.polygon(left_edge + right_edge, color)

    def _at(self, point: Point) -> Point:
        return self._size[0] / 2 + point[0] * self._scale, self._size[1] - 1 - point[1] * self._scale


def smooth(profile: Sequence[Point], steps: int = 7) -> list[Point]:
    """A profile with smooth transitions between its points, each in ``steps`` steps."""
    points = [profile[0]]
    for (half0, y0), (half1, y1) in pairwise(profile):
        for step in range(1, steps + 1):
            t = step / steps
            ease = (1 - math.cos(math.pi * t)) / 2
            points.append((half0 + (half1 - half0) * ease, y0 + (y1 - y0) * t))
    return points
