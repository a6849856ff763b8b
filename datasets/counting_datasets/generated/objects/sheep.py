"""Sheep and lambs."""

import math

from numpy.random import Generator
from PIL import Image

from counting_datasets.generated.chance import between, one_of
from counting_datasets.generated.colors import Color, darker, lighter
from counting_datasets.generated.pen import Pen, Point

_WOOLS: tuple[Color, ...] = ((244, 240, 228), (236, 228, 208), (226, 222, 214), (206, 190, 164), (88, 78, 74))


def draw_sheep(rng: Generator, scale: float) -> Image.Image:
    """A sheep or a lamb from the side, looking up or grazing."""
    size = between(rng, 0.55, 0.7) if rng.random() < 0.25 else between(rng, 0.9, 1.1)
    wool = one_of(rng, _WOOLS)
    face = one_of(rng, ((46, 42, 44), (62, 54, 52), (232, 214, 190))) if wool != _WOOLS[-1] else (38, 34, 36)
    pen = Pen(1.75 * size, 1.12 * size, scale)
    middle: Point = (-0.08 * size, 0.58 * size)
    for x, back in ((-0.38, True), (0.26, True), (-0.28, False), (0.16, False)):
        shade = darker(face, 0.3) if back else face
        swing = between(rng, -0.06, 0.06) * size
        pen.stroke([(x * size, 0.4 * size), (x * size + swing, 0.05 * size)], 0.085 * size, shade)
    pen.disc((-0.58 * size, 0.62 * size), 0.09 * size, darker(wool, 0.1))
    _fleece(rng, pen, middle, size, wool)
    grazing = rng.random() < 0.35
    _sheep_head(pen, (0.55 * size, (0.24 if grazing else 0.82) * size), size, wool, face, grazing=grazing)
    return pen.finish(mirrored=rng.random() < 0.5)


def _fleece(rng: Generator, pen: Pen, middle: Point, size: float, wool: Color) -> None:
    """A ring of curls around an oval, darker below."""
    for step in range(16):
        around = step * math.pi / 8 + between(rng, -0.1, 0.1)
        curl = (middle[0] + 0.42 * size * math.cos(around), middle[1] + 0.23 * size * math.sin(around))
        pen.disc(curl, between(rng, 0.11, 0.14) * size, darker(wool, 0.16) if math.sin(around) < -0.2 else wool)
    pen.ellipse(middle, 0.46 * size, 0.25 * size, wool)
    for _ in range(12):
        x, y = middle[0] + between(rng, -0.4, 0.4) * size, middle[1] + between(rng, -0.2, 0.24) * size
        pen.disc((x, y), 0.055 * size, darker(wool, 0.07))
        pen.disc((x - 0.012 * size, y + 0.016 * size), 0.05 * size, lighter(wool, 0.25))


def _sheep_head(pen: Pen, place: Point, size: float, wool: Color, face: Color, *, grazing: bool) -> None:
    x, y = place
    pen.stroke([(0.3 * size, 0.62 * size), (x - 0.04 * size, y)], 0.24 * size, wool)
    nose = (x + 0.08 * size, y - 0.14 * size) if grazing else (x + 0.15 * size, y - 0.1 * size)
    pen.stroke([(x, y), nose], 0.18 * size, face)
    pen.ellipse((x - 0.13 * size, y + 0.01 * size), 0.1 * size, 0.045 * size, darker(face, 0.2))
    pen.disc((x - 0.02 * size, y + 0.1 * size), 0.1 * size, wool)
    pen.disc((x + 0.06 * size, y + 0.01 * size), 0.024 * size, (250, 250, 246))
    pen.disc((x + 0.066 * size, y + 0.008 * size), 0.013 * size, (16, 14, 14))
