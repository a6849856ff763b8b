"""Wooden and office chairs."""

from numpy.random import Generator
from PIL import Image

from counting_datasets.generated.chance import between, one_of
from counting_datasets.generated.colors import PAINTS, WOODS, Color, darker, lighter, mix
from counting_datasets.generated.pen import Pen


def draw_chair(rng: Generator, scale: float) -> Image.Image:
    """A wooden chair in three-quarter view, or an office chair."""
    return _office_chair(rng, scale) if rng.random() < 0.3 else _wooden_chair(rng, scale)


def _wooden_chair(rng: Generator, scale: float) -> Image.Image:
    wood = one_of(rng, (*WOODS, (236, 234, 228), (58, 60, 66), (182, 54, 46), (66, 120, 148)))
    wide, height, seat = between(rng, 0.42, 0.5), between(rng, 0.86, 1.04), between(rng, 0.42, 0.48)
    aside, behind, leg = between(rng, 0.08, 0.17), between(rng, 0.1, 0.16), between(rng, 0.035, 0.05)
    pen = Pen(wide + 2 * aside + 0.12, height + leg, scale)
    left, right = -wide / 2 - aside / 2, wide / 2 - aside / 2
    shade = darker(wood, 0.3)
    for x in (left + aside, right + aside):
        pen.stroke([(x, behind), (x, seat + behind)], leg, shade)
        pen.stroke([(x, seat + behind), (x + 0.03, height)], leg, wood)
    _backrest(rng, pen, (left + aside, right + aside), (seat + behind, height), leg, wood)
    top = [
        (left - 0.02, seat),
        (right + 0.02, seat),
        (right + aside + 0.02, seat + behind),
        (left + aside - 0.02, seat + behind),
    ]
    pen.polygon(top, lighter(wood, 0.18))
    if rng.random() < 0.4:
        cushion = one_of(rng, PAINTS)
        pen.polygon([(x * 0.9 + aside * 0.03, y * 0.96 + seat * 0.045) for x, y in top], cushion)
    for x in (left, right):
        pen.stroke([(x, leg / 2), (x, seat)], leg, wood)
    pen.box((left - 0.02, seat - 0.05), (right + 0.02, seat), mix(wood, shade, 0.5))
    pen.polygon([(right + 0.02, seat), top[2], (top[2][0], top[2][1] - 0.05), (right + 0.02, seat - 0.05)], shade)
    if rng.random() < 0.5:
        pen.stroke([(left, seat * 0.4), (right, seat * 0.4)], leg * 0.7, mix(wood, shade, 0.5))
    return pen.finish(mirrored=rng.random() < 0.5)


def _backrest(
    rng: Generator, pen: Pen, sides: tuple[float, float], span: tuple[float, float], leg: float, wood: Color
) -> None:
    (left, right), (low, high) = sides, span
    kind = one_of(rng, ("ladder", "slats", "panel"))
    if kind == "panel":
        pen.box((left, low + 0.12), (right + 0.03, high), mix(wood, darker(wood), 0.4), radius=0.03)
        return
    if kind == "slats":
        pen.stroke([(left, low + 0.08), (right, low + 0.08)], leg * 0.8, wood)
        for step in range(1, 5):
            x = left + (right - left) * step / 5
            pen.stroke([(x, low + 0.08), (x + 0.03, high)], leg * 0.55, mix(wood, darker(wood), 0.4))
    for share in (0.35, 0.68) if kind == "ladder" else ():
        y = low + (high - low) * share
        pen.stroke([(left, y), (right + 0.02, y)], leg * 1.1, mix(wood, darker(wood), 0.4))
    pen.stroke([(left + 0.03, high), (right + 0.03, high)], leg * 1.4, wood)


def _office_chair(rng: Generator, scale: float) -> Image.Image:
    cloth = one_of(rng, ((48, 50, 58), (70, 74, 82), (34, 62, 112), (138, 42, 48), (58, 96, 82), (224, 126, 48)))
    height, half = between(rng, 0.98, 1.15), between(rng, 0.23, 0.28)
    metal: Color = (62, 64, 70)
    pen = Pen(0.78, height, scale)
    for x in (-0.3, -0.13, 0.15, 0.3):
        foot = 0.05 if abs(x) > 0.2 else 0.03
        pen.stroke([(0, 0.16), (x, foot + 0.04)], 0.045, metal)
        pen.disc((x, foot), 0.035, (28, 28, 30))
    pen.stroke([(0, 0.14), (0, 0.44)], 0.06, metal)
    pen.stroke([(0.02, 0.46), (0.04, 0.7)], 0.05, metal)
    pen.box((-half * 0.92, 0.56), (half * 0.92, height), cloth, radius=0.1)
    pen.box((-half * 0.74, 0.62), (half * 0.6, height - 0.06), lighter(cloth, 0.14), radius=0.08)
    pen.box((-half * 1.08, 0.42), (half * 1.08, 0.53), darker(cloth, 0.15), radius=0.05)
    pen.box((-half * 1.04, 0.49), (half * 1.04, 0.53), lighter(cloth, 0.1), radius=0.02)
    if rng.random() < 0.6:
        for side in (-1, 1):
            pen.stroke([(side * half * 1.1, 0.47), (side * half * 1.22, 0.68)], 0.04, metal)
            pen.stroke([(side * half * 1.3, 0.69), (side * half * 0.98, 0.69)], 0.05, (36, 36, 40))
    return pen.finish(mirrored=rng.random() < 0.5)
