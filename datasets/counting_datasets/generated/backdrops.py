"""The backgrounds of generated scenes: a table, a room, a street and a meadow."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from counting_datasets.generated.chance import between, one_of
from counting_datasets.generated.colors import PAINTS, WOODS, Color, darker, hsv, lighter, mix

_OVERSAMPLING = 2
_WALLS: tuple[Color, ...] = (
    (226, 214, 194), (198, 212, 214), (222, 200, 186), (190, 204, 184), (214, 208, 224), (236, 228, 212),
    (150, 170, 176), (206, 172, 146), (132, 146, 138), (232, 206, 150),
)  # fmt: skip


@dataclass(frozen=True)
class Backdrop:
    """A background without objects.

    Attributes:
        image: RGB.
        horizon: the position of the horizon, as a fraction of the image's height from the top.
        ground: the far edge of the ground on which objects stand, as such a fraction.
    """

    image: Image.Image
    horizon: float
    ground: float


class _Canvas:
    """An oversampled image to draw on; coordinates are fractions of its width and height."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.width, self.height = size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING
        self.image = Image.new("RGB", (self.width, self.height))
        self.draw = ImageDraw.Draw(self.image)

    def blend(self, top: float, bottom: float, upper: Color, lower: Color) -> None:
        """Draw a band across the image with a gradient from the colour ``upper`` to ``lower``."""
        y0, y1 = round(top * self.height), round(bottom * self.height)
        size = (self.width, max(1, y1 - y0))
        mask = Image.linear_gradient("L").resize(size)
        self.image.paste(
            Image.composite(Image.new("RGB", size, lower), Image.new("RGB", size, upper), mask), (0, y0)
        )

    def box(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        self.draw.rectangle((x0 * self.width, y0 * self.height, x1 * self.width, y1 * self.height), fill=color)

    def ellipse(self, x: float, y: float, across: float, up: float, color: Color) -> None:
        """Draw an ellipse with half axes ``across`` and ``up``, both fractions of the image's width."""
        x, y, across, up = (x * self.width, y * self.height, across * self.width, up * self.width)
        self.draw.ellipse((x - across, y - up, x + across, y + up), fill=color)

    def polygon(self, points: list[tuple[float, float]], color: Color) -> None:
        self.draw.polygon([(x * self.width, y * self.height) for x, y in points], fill=color)

    def line(self, x0: float, y0: float, x1: float, y1: float, color: Color, wide: int = 2) -> None:
        place = (x0 * self.width, y0 * self.height, x1 * self.width, y1 * self.height)
        self.draw.line(place, fill=color, width=wide)

    def finish(self, rng: Generator, mottling: float) -> Image.Image:
        """The image at its final size, with random patches darkened by up to the fraction ``mottling``."""
        patches = rng.random((9, 12)) * 255
        image = self.image.reduce(_OVERSAMPLING)
        mask = Image.fromarray(patches.astype(np.uint8)).resize(image.size, Image.Resampling.BICUBIC)
        dark = Image.blend(image, Image.new("RGB", image.size, (24, 20, 34)), mottling)
        return Image.composite(image, dark, mask)


def table(rng: Generator, size: tuple[int, int]) -> Backdrop:
    """A table top in front of a wall, seen from nearby."""
    canvas, edge = _Canvas(size), between(rng, 0.36, 0.48)
    wall = one_of(rng, _WALLS)
    canvas.blend(0, edge, darker(wall, between(rng, 0.05, 0.25)), wall)
    if rng.random() < 0.4:
        _wall_tiles(canvas, edge, lighter(wall, 0.25))
    elif rng.random() < 0.6:
        _shelf(rng, canvas, edge)
    wood = one_of(rng, (*WOODS, (228, 222, 210), (92, 96, 102)))
    canvas.blend(edge, 1, darker(wood, 0.12), lighter(wood, 0.12))
    for _ in range(26):
        x, y = rng.random(), between(rng, edge, 1)
        canvas.line(x, y, x + between(rng, 0.05, 0.3), y + 0.004, mix(wood, darker(wood), 0.45), 1)
    if rng.random() < 0.35:
        cloth, low, high = one_of(rng, PAINTS), between(rng, 0.1, 0.3), between(rng, 0.7, 0.9)
        near = edge + 0.12
        canvas.polygon(
            [(low + 0.08, near), (high - 0.08, near), (high + 0.06, 0.94), (low - 0.06, 0.94)],
            lighter(cloth, 0.25),
        )
        canvas.polygon(
            [(low + 0.11, near + 0.03), (high - 0.11, near + 0.03), (high + 0.01, 0.9), (low - 0.01, 0.9)], cloth
        )
    canvas.box(0, edge - 0.006, 1, edge + 0.008, darker(wood, 0.35))
    return Backdrop(canvas.finish(rng, 0.08), edge - between(rng, 0.26, 0.34), edge + 0.06)


def _wall_tiles(canvas: _Canvas, edge: float, grout: Color) -> None:
    for row in range(7):
        y = edge - row * 0.075
        canvas.line(0, y, 1, y, grout)
        for column in range(9):
            x = (column + row % 2 / 2) / 8.5
            canvas.line(x, y - 0.075, x, y, grout)


def _shelf(rng: Generator, canvas: _Canvas, edge: float) -> None:
    wood, y = one_of(rng, WOODS), edge * between(rng, 0.5, 0.7)
    x = 0.05
    while x < 0.92:
        wide, tall = between(rng, 0.015, 0.035), between(rng, 0.1, 0.17)
        if rng.random() < 0.75:
            canvas.box(x, y - tall, x + wide, y, mix(one_of(rng, PAINTS), (200, 196, 190), 0.35))
        x += wide + 0.004
    canvas.box(0.02, y, 0.98, y + 0.025, wood)


def room(rng: Generator, size: tuple[int, int]) -> Backdrop:
    """A wall and a floor."""
    canvas, corner = _Canvas(size), between(rng, 0.5, 0.6)
    horizon = corner - between(rng, 0.12, 0.17)
    wall = one_of(rng, _WALLS)
    canvas.blend(0, corner, lighter(wall, 0.12), darker(wall, 0.1))
    if rng.random() < 0.35:
        for step in range(0, 24, 2):
            canvas.box(step / 24, 0, (step + 1) / 24, corner, mix(wall, lighter(wall), 0.5))
    elif rng.random() < 0.4:
        canvas.blend(corner * 0.62, corner, mix(wall, (250, 248, 242), 0.6), mix(wall, (250, 248, 242), 0.4))
        canvas.box(0, corner * 0.61, 1, corner * 0.635, (246, 242, 234))
    _on_the_wall(rng, canvas, corner)
    _floor(rng, canvas, corner, horizon)
    canvas.box(0, corner - 0.028, 1, corner, mix(wall, (252, 250, 246), 0.75))
    canvas.box(0, corner, 1, corner + 0.007, (70, 58, 50))
    if rng.random() < 0.4:
        rug, x, y = one_of(rng, PAINTS), between(rng, 0.3, 0.7), between(rng, corner + 0.17, 0.86)
        for share, color in ((1, darker(rug, 0.15)), (0.9, lighter(rug, 0.35)), (0.8, rug)):
            canvas.ellipse(x, y, 0.3 * share, 0.085 * share, color)
    return Backdrop(canvas.finish(rng, 0.07), horizon, corner + 0.05)


def _on_the_wall(rng: Generator, canvas: _Canvas, corner: float) -> None:
    """Draw a window or pictures."""
    if rng.random() < 0.4:
        x, wide, low = between(rng, 0.1, 0.6), between(rng, 0.2, 0.28), corner * 0.62
        canvas.box(x - 0.012, 0.04, x + wide + 0.012, low + 0.015, (246, 244, 238))
        canvas.box(x, 0.055, x + wide, low, (176, 212, 234))
        canvas.ellipse(x + wide * 0.6, 0.17, wide * 0.2, wide * 0.09, (236, 244, 248))
        canvas.polygon(
            [(x, low), (x, low - 0.07), (x + wide * 0.5, low - 0.1), (x + wide, low - 0.05), (x + wide, low)],
            (130, 168, 112),
        )
        canvas.box(x + wide / 2 - 0.005, 0.055, x + wide / 2 + 0.005, low, (246, 244, 238))
        canvas.box(x, low * 0.5, x + wide, low * 0.5 + 0.012, (246, 244, 238))
        return
    for _ in range(int(between(rng, 0, 3))):
        x, y, wide, tall = (
            between(rng, 0.05, 0.8),
            between(rng, 0.06, 0.2),
            between(rng, 0.07, 0.16),
            between(rng, 0.1, 0.2),
        )
        canvas.box(x, y, x + wide, y + tall, one_of(rng, WOODS))
        canvas.box(x + 0.01, y + 0.014, x + wide - 0.01, y + tall - 0.014, (244, 240, 230))
        canvas.box(x + 0.022, y + 0.03, x + wide - 0.022, y + tall - 0.03, one_of(rng, PAINTS))
        canvas.ellipse(x + wide / 2, y + tall / 2, wide * 0.17, wide * 0.17, one_of(rng, PAINTS))


def _floor(rng: Generator, canvas: _Canvas, corner: float, horizon: float) -> None:
    kind, wood = one_of(rng, ("planks", "tiles", "carpet")), one_of(rng, WOODS)
    if kind == "carpet":
        shade = hsv(rng.random(), between(rng, 0.08, 0.3), between(rng, 0.45, 0.7))
        canvas.blend(corner, 1, darker(shade, 0.12), lighter(shade, 0.08))
        return
    base = wood if kind == "planks" else one_of(rng, ((206, 198, 184), (160, 166, 168), (196, 166, 140)))
    canvas.blend(corner, 1, darker(base, 0.14), lighter(base, 0.1))
    seam, fall = darker(base, 0.22), (1 - horizon) / (corner - horizon)
    for step in range(-16, 17):
        far = 0.5 + step * 0.07
        canvas.line(far, corner, 0.5 + (far - 0.5) * fall, 1, seam, 2)
    distance = 1.0
    while kind == "tiles" and distance < fall:
        y = horizon + (1 - horizon) / distance
        canvas.line(0, y, 1, y, seam, 2)
        distance += 0.28


def street(rng: Generator, size: tuple[int, int]) -> Backdrop:
    """Houses, a pavement and a road across the image."""
    canvas, kerb = _Canvas(size), between(rng, 0.46, 0.56)
    sky = one_of(rng, ((150, 194, 228), (186, 206, 220), (236, 204, 170), (120, 168, 214), (198, 202, 206)))
    canvas.blend(0, kerb, sky, lighter(sky, 0.6))
    x = -0.05
    while x < 1:
        wide = between(rng, 0.14, 0.26)
        _house(rng, canvas, x, x + wide, kerb - between(rng, 0.2, 0.42), kerb - 0.03)
        x += wide
    road = hsv(0.6, 0.06, between(rng, 0.34, 0.5))
    canvas.blend(kerb - 0.03, kerb + 0.045, (176, 172, 164), (198, 194, 186))
    canvas.box(0, kerb + 0.04, 1, kerb + 0.055, (142, 140, 136))
    canvas.blend(kerb + 0.055, 1, darker(road, 0.08), lighter(road, 0.08))
    for share in (0.3, 0.68):
        y, thick, start = kerb + (1 - kerb) * share, 0.008 + 0.012 * share, rng.random() * 0.2
        for step in range(-1, 6):
            left = start + step * 0.2
            canvas.polygon(
                [(left, y), (left + 0.1, y), (left + 0.1, y + thick), (left, y + thick)], (226, 222, 210)
            )
    return Backdrop(canvas.finish(rng, 0.08), kerb - between(rng, 0.05, 0.12), kerb + 0.03)


def _house(rng: Generator, canvas: _Canvas, left: float, right: float, top: float, foot: float) -> None:
    wall = one_of(
        rng, ((202, 150, 116), (220, 204, 176), (176, 116, 92), (196, 200, 198), (214, 178, 130), (150, 158, 170))
    )
    canvas.box(left, top, right, foot, wall)
    if rng.random() < 0.4:
        roof = one_of(rng, ((142, 76, 58), (96, 84, 82), (120, 96, 84)))
        canvas.polygon([(left, top), ((left + right) / 2, top - 0.09), (right, top)], roof)
    canvas.box(right - 0.006, top, right, foot, darker(wall, 0.3))
    glass = one_of(rng, ((118, 146, 164), (246, 224, 160), (92, 112, 128)))
    y = top + 0.035
    while y < foot - 0.06:
        for column in range(3):
            x = left + (right - left) * (0.14 + column * 0.28)
            canvas.box(x, y, x + (right - left) * 0.16, y + 0.045, lighter(glass, 0.2 * (rng.random() < 0.3)))
        y += 0.085


def meadow(rng: Generator, size: tuple[int, int]) -> Backdrop:
    """Grass, hills and sky."""
    canvas, rim = _Canvas(size), between(rng, 0.38, 0.5)
    sky = one_of(rng, ((128, 186, 228), (160, 204, 232), (240, 206, 160), (182, 198, 212), (106, 158, 214)))
    canvas.blend(0, rim, sky, lighter(sky, 0.65))
    if rng.random() < 0.4:
        canvas.ellipse(between(rng, 0.1, 0.9), between(rng, 0.08, 0.2), 0.035, 0.035, (255, 246, 206))
    for _ in range(int(between(rng, 0, 4))):
        x, y = rng.random(), between(rng, 0.05, rim * 0.55)
        for shift, share in ((-0.05, 0.7), (0, 1), (0.055, 0.75), (0.1, 0.5)):
            canvas.ellipse(x + shift, y, 0.05 * share, 0.022 * share, lighter(sky, 0.8))
    grass = hsv(between(rng, 0.2, 0.3), between(rng, 0.4, 0.6), between(rng, 0.5, 0.68))
    for layer in range(3):
        waves, start, lift = between(rng, 2, 6), between(rng, 0, 6), 0.1 - 0.035 * layer
        crest = [(x / 24, rim - lift * (0.5 + 0.5 * math.sin(start + waves * x / 24))) for x in range(25)]
        canvas.polygon([*crest, (1, rim + 0.02), (0, rim + 0.02)], mix(grass, sky, 0.55 - 0.2 * layer))
    canvas.blend(rim, 1, darker(grass, 0.02), lighter(mix(grass, (120, 190, 70), 0.3), 0.08))
    for _ in range(60):
        y = rim + (1 - rim) * rng.random() ** 0.7
        x, tall = rng.random(), 0.008 + 0.035 * (y - rim)
        blade = darker(grass, 0.16) if rng.random() < 0.6 else lighter(grass, 0.2)
        canvas.line(x, y, x - tall * 0.3, y - tall, blade)
        canvas.line(x, y, x + tall * 0.35, y - tall * 0.9, blade)
    return Backdrop(canvas.finish(rng, 0.08), rim - between(rng, 0.02, 0.08), rim + 0.06)
