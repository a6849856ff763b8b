"""The everyday things that are counted, each drawn in one of several shapes, colours and poses.

Every function draws one thing at ``scale`` pixels per metre.
"""

import math
from collections.abc import Callable

from numpy.random import Generator
from PIL import Image

from counting_datasets.generated.pen import (
    Color,
    Pen,
    Point,
    between,
    darker,
    hsv,
    lighter,
    mix,
    one_of,
    smooth,
)

Drawer = Callable[[Generator, float], Image.Image]

_GLASS: tuple[Color, ...] = (
    (38, 92, 58), (28, 72, 48), (104, 60, 28), (136, 84, 36), (70, 118, 86), (34, 58, 92),
)  # fmt: skip
_PLASTIC: tuple[Color, ...] = (
    (150, 204, 226), (186, 222, 232), (120, 180, 214), (206, 44, 40), (244, 196, 48), (72, 160, 76), (240, 240, 236),
)  # fmt: skip
_LABELS: tuple[Color, ...] = (
    (244, 236, 214), (222, 60, 48), (52, 96, 170), (246, 202, 76), (250, 250, 250), (40, 44, 52), (232, 128, 48),
)  # fmt: skip
_PAINTS: tuple[Color, ...] = (
    (204, 42, 40), (34, 84, 158), (240, 240, 238), (52, 56, 64), (168, 174, 182), (236, 178, 40), (42, 120, 92),
    (122, 172, 208), (128, 36, 62), (224, 112, 44),
)  # fmt: skip
_WOODS: tuple[Color, ...] = ((150, 98, 54), (188, 134, 82), (106, 66, 40), (212, 170, 116), (84, 54, 40))
_SKINS: tuple[Color, ...] = ((246, 212, 182), (228, 180, 142), (196, 142, 100), (146, 96, 62), (98, 64, 44))
_HAIRS: tuple[Color, ...] = ((34, 26, 24), (74, 46, 28), (132, 88, 46), (208, 164, 88), (158, 72, 36), (176, 174, 172))
_POTS: tuple[Color, ...] = (
    (190, 98, 62), (172, 84, 52), (236, 232, 224), (72, 92, 112), (62, 122, 128), (218, 168, 72), (70, 66, 68),
)  # fmt: skip
_WOOLS: tuple[Color, ...] = ((244, 240, 228), (236, 228, 208), (226, 222, 214), (206, 190, 164), (88, 78, 74))
_FLOWERS: tuple[Color, ...] = ((232, 72, 96), (248, 190, 60), (196, 96, 190), (250, 244, 246), (240, 128, 64))
_TYRE: Color = (38, 38, 42)
_WINDOW: Color = (78, 104, 124)


def draw_bottle(rng: Generator, scale: float) -> Image.Image:
    """A wine, beer, soda or squeeze bottle."""
    kind = one_of(rng, ("wine", "beer", "soda", "squeeze"))
    height = {"wine": 0.31, "beer": 0.24, "soda": 0.28, "squeeze": 0.2}[kind] * between(rng, 0.9, 1.12)
    half = {"wine": 0.038, "beer": 0.031, "soda": 0.042, "squeeze": 0.034}[kind] * between(rng, 0.9, 1.15)
    neck = 0.3 if kind == "squeeze" else 0.36
    shoulder = {"wine": 0.6, "beer": 0.55, "soda": 0.62, "squeeze": 0.74}[kind] * height
    collar = shoulder + {"wine": 0.14, "beer": 0.2, "soda": 0.2, "squeeze": 0.06}[kind] * height
    waist = 0.86 if kind == "soda" else 1.0
    color = one_of(rng, _PLASTIC if kind in ("soda", "squeeze") else _GLASS)
    pen = Pen(2.4 * half, height, scale)
    outline = smooth(
        [(half * 0.9, 0), (half, 0.05 * height), (half * waist, 0.34 * height), (half, shoulder)]
        + [(half * neck, collar), (half * neck, height * 0.98)]
    )
    pen.turned(outline, color)
    pen.turned(outline, darker(color, 0.3), 0.4, 1)
    pen.turned([point for point in outline if point[1] > 0.04 * height], lighter(color, 0.55), -0.78, -0.56)
    label = one_of(rng, _LABELS)
    low, high = 0.16 * height, shoulder * between(rng, 0.72, 0.9)
    band = [(half * 1.01, low), (half * 1.01, high)]
    if kind != "squeeze" or rng.random() < 0.5:
        pen.turned(band, label)
        pen.turned(band, darker(label, 0.2), 0.45, 1)
        stripe = [(half * 1.01, low + 0.3 * (high - low)), (half * 1.01, low + 0.55 * (high - low))]
        pen.turned(stripe, one_of(rng, _LABELS), -1, 1)
    cap = one_of(rng, ((196, 40, 40), (220, 180, 70), (240, 240, 240), (40, 70, 140), (30, 30, 34)))
    pen.turned([(half * (neck + 0.08), height * 0.9), (half * (neck + 0.06), height)], cap)
    return pen.finish(mirrored=rng.random() < 0.5)


def draw_car(rng: Generator, scale: float) -> Image.Image:
    """A hatchback, saloon, van or pickup from the side, or a car from the front."""
    kind = one_of(rng, ("hatchback", "saloon", "van", "pickup", "front"))
    paint = one_of(rng, _PAINTS)
    return _car_front(rng, scale, paint) if kind == "front" else _car_side(rng, scale, paint, kind)


# The cabin of each kind, as (x, y) in half lengths and heights of the car: rear foot, rear roof, front roof, front foot.
_CABINS: dict[str, tuple[Point, Point, Point, Point]] = {
    "hatchback": ((-0.94, 0.6), (-0.72, 1.0), (0.12, 1.0), (0.52, 0.6)),
    "saloon": ((-0.66, 0.6), (-0.38, 1.0), (0.14, 1.0), (0.5, 0.6)),
    "van": ((-0.98, 0.6), (-0.96, 1.0), (0.5, 1.0), (0.82, 0.6)),
    "pickup": ((-0.12, 0.6), (-0.06, 1.0), (0.3, 1.0), (0.58, 0.6)),
}


def _car_side(rng: Generator, scale: float, paint: Color, kind: str) -> Image.Image:
    half = {"hatchback": 1.9, "saloon": 2.2, "van": 2.3, "pickup": 2.4}[kind] * between(rng, 0.95, 1.05)
    height = {"hatchback": 1.5, "saloon": 1.42, "van": 1.95, "pickup": 1.65}[kind] * between(rng, 0.95, 1.05)
    pen = Pen(2 * half + 0.2, height, scale)
    belt, sill, wheel = 0.6 * height, 0.26, 0.33
    cabin = [(x * half, y * height) for x, y in _CABINS[kind]]
    pen.polygon(cabin, paint)
    body = [(-half, sill + 0.1), (-half * 0.98, belt - 0.06), (-half * 0.9, belt), (half * 0.55, belt)]
    body += [(half * 0.93, belt - 0.16), (half, belt - 0.34), (half, sill + 0.08), (half * 0.95, sill)]
    pen.polygon([*body, (-half * 0.96, sill)], paint)
    pen.polygon([(-half, sill + 0.12), (half, sill + 0.12), (half * 0.95, sill), (-half * 0.96, sill)], darker(paint, 0.4))
    pen.stroke([(-half * 0.92, belt - 0.03), (half * 0.56, belt - 0.03)], 0.05, lighter(paint, 0.4))
    _side_windows(pen, cabin, belt)
    pen.stroke([(-0.05, belt - 0.05), (-0.05, sill + 0.14)], 0.025, darker(paint, 0.35))
    pen.box((-0.32, belt - 0.16), (-0.14, belt - 0.12), darker(paint, 0.5), radius=0.02)
    pen.box((half * 0.9, belt - 0.4), (half * 0.985, belt - 0.26), (255, 244, 200), radius=0.04)
    pen.box((-half * 0.99, belt - 0.28), (-half * 0.93, belt - 0.1), (196, 30, 34), radius=0.03)
    for x in (-half * 0.62, half * 0.62):
        pen.disc((x, wheel + 0.03), wheel + 0.07, darker(paint, 0.65))
        pen.disc((x, wheel), wheel, _TYRE)
        pen.disc((x, wheel), wheel * 0.6, (178, 182, 188))
        pen.disc((x, wheel), wheel * 0.22, (96, 98, 104))
    return pen.finish(mirrored=rng.random() < 0.5)


def _side_windows(pen: Pen, cabin: list[Point], belt: float) -> None:
    """Two panes inside the cabin, with a pillar between them."""
    (rear, _), (rear_roof, roof), (front_roof, _), (front, _) = cabin
    top, bottom = roof - 0.09, belt + 0.02
    pillar = (rear_roof + front_roof) / 2 + 0.1
    lean = 0.09 / (roof - belt)
    rear_top, front_top = rear_roof + (rear - rear_roof) * lean, front_roof + (front - front_roof) * lean
    panes = (
        ((rear + 0.14, bottom), (rear_top + 0.1, top), (pillar - 0.05, top), (pillar - 0.05, bottom)),
        ((pillar + 0.05, bottom), (pillar + 0.05, top), (front_top - 0.06, top), (front - 0.16, bottom)),
    )
    for pane in panes:
        pen.polygon(pane, _WINDOW)
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = pane
        glint = ((x0 + (x3 - x0) * 0.25, y0), (x1 + (x2 - x1) * 0.45, y1))
        glint += ((x1 + (x2 - x1) * 0.7, y2), (x0 + (x3 - x0) * 0.5, y3))
        pen.polygon(glint, lighter(_WINDOW, 0.3))


def _car_front(rng: Generator, scale: float, paint: Color) -> Image.Image:
    half, height = between(rng, 0.84, 0.95), between(rng, 1.4, 1.7)
    pen = Pen(2 * half + 0.4, height, scale)
    belt = 0.58 * height
    for side in (-1, 1):
        pen.box((side * half * 0.95, 0), (side * half * 0.62, 0.45), _TYRE, radius=0.05)
        pen.ellipse((side * (half + 0.06), belt + 0.08), 0.12, 0.07, darker(paint, 0.2))
    pen.polygon([(-half * 0.92, belt), (-half * 0.68, height), (half * 0.68, height), (half * 0.92, belt)], paint)
    glass = [(-half * 0.82, belt + 0.02), (-half * 0.6, height - 0.09)]
    glass += [(half * 0.6, height - 0.09), (half * 0.82, belt + 0.02)]
    pen.polygon(glass, _WINDOW)
    pen.polygon([(-half * 0.3, belt + 0.02), (-0.02, height - 0.09), (half * 0.2, height - 0.09), (half * 0.02, belt + 0.02)], lighter(_WINDOW, 0.3))
    pen.box((-half, 0.2), (half, belt + 0.04), paint, radius=0.14)
    pen.box((-half * 0.9, belt - 0.05), (half * 0.9, belt), lighter(paint, 0.35), radius=0.02)
    pen.box((-half, 0.2), (half, 0.36), darker(paint, 0.45), radius=0.08)
    pen.box((-half * 0.48, 0.46), (half * 0.48, 0.62), (44, 46, 52), radius=0.05)
    pen.box((-0.24, 0.26), (0.24, 0.38), (244, 244, 236), radius=0.01)
    for side in (-1, 1):
        pen.ellipse((side * half * 0.74, 0.62), 0.16, 0.1, (90, 92, 96))
        pen.ellipse((side * half * 0.74, 0.62), 0.13, 0.075, (255, 248, 214))
    return pen.finish()


def draw_chair(rng: Generator, scale: float) -> Image.Image:
    """A wooden chair in three-quarter view, or an office chair."""
    return _office_chair(rng, scale) if rng.random() < 0.3 else _wooden_chair(rng, scale)


def _wooden_chair(rng: Generator, scale: float) -> Image.Image:
    wood = one_of(rng, (*_WOODS, (236, 234, 228), (58, 60, 66), (182, 54, 46), (66, 120, 148)))
    wide, height, seat = between(rng, 0.42, 0.5), between(rng, 0.86, 1.04), between(rng, 0.42, 0.48)
    aside, behind, leg = between(rng, 0.08, 0.17), between(rng, 0.1, 0.16), between(rng, 0.035, 0.05)
    pen = Pen(wide + 2 * aside + 0.12, height + leg, scale)
    left, right = -wide / 2 - aside / 2, wide / 2 - aside / 2
    shade = darker(wood, 0.3)
    for x in (left + aside, right + aside):
        pen.stroke([(x, behind), (x, seat + behind)], leg, shade)
        pen.stroke([(x, seat + behind), (x + 0.03, height)], leg, wood)
    _backrest(rng, pen, (left + aside, right + aside), (seat + behind, height), leg, wood)
    top = [(left - 0.02, seat), (right + 0.02, seat), (right + aside + 0.02, seat + behind), (left + aside - 0.02, seat + behind)]
    pen.polygon(top, lighter(wood, 0.18))
    if rng.random() < 0.4:
        cushion = one_of(rng, _PAINTS)
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


def draw_person(rng: Generator, scale: float) -> Image.Image:
    """A grown-up or a child, standing, walking or waving."""
    height = between(rng, 1.0, 1.3) if rng.random() < 0.2 else between(rng, 1.55, 1.9)
    skin, hair = one_of(rng, _SKINS), one_of(rng, _HAIRS)
    shirt, trousers = hsv(rng.random(), between(rng, 0.2, 0.85), between(rng, 0.4, 0.95)), one_of(rng, _TROUSERS)
    pen = Pen(0.66 * height, height * 1.24, scale)
    unit = height / 8  # a grown-up is about eight heads tall
    hip, shoulder, chin = 3.9 * unit, 6.45 * unit, 6.85 * unit
    long_hair = rng.random() < 0.4
    if long_hair:
        pen.ellipse((0, chin + 0.1 * unit), 0.66 * unit, 1.1 * unit, darker(hair, 0.15))
    _legs(rng, pen, unit, hip, trousers, skin)
    torso = smooth([(0.72 * unit, hip - 0.2 * unit), (0.66 * unit, 5 * unit), (0.98 * unit, shoulder - 0.2 * unit), (0.42 * unit, shoulder + 0.12 * unit)])
    arms = [_arm(rng, side, unit, shoulder) for side in (-1, 1)]
    sleeve = len(arms[0]) if rng.random() < 0.5 else 2
    for arm in arms:
        pen.stroke(arm, 0.4 * unit, skin)
        pen.stroke(arm[:sleeve], 0.46 * unit, darker(shirt, 0.12))
        pen.disc(arm[-1], 0.24 * unit, skin)
    pen.box((-0.24 * unit, shoulder - 0.2 * unit), (0.24 * unit, chin + 0.2 * unit), darker(skin, 0.15))
    pen.turned(torso, shirt)
    pen.turned(torso, darker(shirt, 0.18), 0.4, 1)
    if rng.random() < 0.3:
        pen.turned([(0.7 * unit, 5 * unit), (0.84 * unit, 5.6 * unit)], one_of(rng, _LABELS))
    _head(rng, pen, unit, chin, skin, hair)
    return pen.finish(mirrored=rng.random() < 0.5)


_TROUSERS: tuple[Color, ...] = (
    (44, 58, 92), (36, 38, 44), (112, 96, 74), (84, 92, 104), (148, 60, 66), (204, 190, 160), (66, 98, 142),
)  # fmt: skip


def _legs(rng: Generator, pen: Pen, unit: float, hip: float, trousers: Color, skin: Color) -> None:
    stride = between(rng, 0.7, 1.3) * unit if rng.random() < 0.4 else between(rng, 0.38, 0.6) * unit
    kind = one_of(rng, ("trousers", "trousers", "shorts", "skirt"))
    shoe = one_of(rng, ((40, 36, 36), (236, 236, 232), (120, 70, 40), (180, 40, 44)))
    for side in (-1, 1):
        foot, knee = (side * stride, 0.28 * unit), (side * (stride + 0.5 * unit) / 2, hip / 2)
        cover = skin if kind in ("shorts", "skirt") else darker(trousers, 0.1 if side > 0 else 0)
        pen.stroke([(side * 0.36 * unit, hip - 0.1 * unit), knee, foot], 0.56 * unit, cover)
        if kind == "shorts":
            pen.stroke([(side * 0.36 * unit, hip - 0.1 * unit), knee], 0.68 * unit, trousers)
        pen.ellipse((foot[0] + 0.12 * unit, 0.17 * unit), 0.46 * unit, 0.17 * unit, shoe)
    if kind == "skirt":
        pen.turned([((stride + 0.5 * unit) * 0.95, hip * 0.52), (0.7 * unit, hip + 0.1 * unit)], trousers)
    pen.box((-0.7 * unit, hip - 0.35 * unit), (0.7 * unit, hip + 0.1 * unit), trousers, radius=0.2 * unit)


def _arm(rng: Generator, side: int, unit: float, shoulder: float) -> list[Point]:
    """Shoulder, elbow and hand of an arm that hangs, swings, rests on the hip or waves."""
    start = (side * 0.86 * unit, shoulder - 0.22 * unit)
    pose = one_of(rng, ("hang", "hang", "swing", "hip", "wave"))
    if pose == "wave":
        return [start, (side * 1.7 * unit, shoulder + 0.3 * unit), (side * 1.9 * unit, shoulder + 1.7 * unit)]
    if pose == "hip":
        return [start, (side * 1.75 * unit, 5.1 * unit), (side * 0.85 * unit, 4.3 * unit)]
    out = between(rng, 1.45, 2.0) if pose == "swing" else between(rng, 1.05, 1.25)
    return [start, (side * (out + 1) / 2 * unit, 5.2 * unit), (side * out * unit, 3.95 * unit)]


def _head(rng: Generator, pen: Pen, unit: float, chin: float, skin: Color, hair: Color) -> None:
    middle = chin + 0.5 * unit
    pen.ellipse((0, middle + 0.1 * unit), 0.56 * unit, 0.66 * unit, hair)
    pen.ellipse((0, middle - 0.06 * unit), 0.48 * unit, 0.58 * unit, skin)
    pen.ellipse((-0.05 * unit, middle + 0.48 * unit), 0.5 * unit, 0.26 * unit, hair)
    for side in (-1, 1):
        pen.disc((side * 0.18 * unit, middle - 0.02 * unit), 0.055 * unit, (40, 30, 30))
    pen.stroke([(-0.12 * unit, middle - 0.32 * unit), (0.12 * unit, middle - 0.32 * unit)], 0.04 * unit, (160, 76, 70))
    if rng.random() < 0.2:
        hat = one_of(rng, _PAINTS)
        pen.box((-0.58 * unit, middle + 0.3 * unit), (0.58 * unit, middle + 0.8 * unit), hat, radius=0.25 * unit)
        pen.box((-0.58 * unit, middle + 0.28 * unit), (0.95 * unit, middle + 0.42 * unit), darker(hat), radius=0.07 * unit)


def draw_pottedplant(rng: Generator, scale: float) -> Image.Image:
    """A bush, snake plant, palm, cactus or flowers in a pot."""
    kind = one_of(rng, ("bush", "snake plant", "palm", "cactus", "flowers"))
    tall = {"bush": 0.4, "snake plant": 0.5, "palm": 0.62, "cactus": 0.34, "flowers": 0.36}[kind]
    tall *= between(rng, 0.85, 1.3)
    pot_height, pot_half = tall * between(rng, 0.34, 0.46), tall * between(rng, 0.2, 0.27)
    height = pot_height + tall
    pen = Pen(height * 1.15, height * 1.06, scale)
    green = hsv(between(rng, 0.24, 0.4), between(rng, 0.4, 0.75), between(rng, 0.38, 0.66))
    _PLANTS[kind](rng, pen, (0, pot_height * 0.95), tall, green)
    _pot(rng, pen, pot_height, pot_half)
    return pen.finish(mirrored=rng.random() < 0.5)


def _pot(rng: Generator, pen: Pen, height: float, half: float) -> None:
    clay = one_of(rng, _POTS)
    kind = one_of(rng, ("tapered", "round", "straight"))
    foot, belly = {"tapered": (0.68, 0.84), "round": (0.6, 1.08), "straight": (0.92, 0.96)}[kind]
    outline = smooth([(half * foot, 0), (half * belly, height * 0.5), (half, height)])
    pen.turned(outline, clay)
    if rng.random() < 0.35:
        low, high = height * 0.36, height * 0.58
        pen.turned([point for point in outline if low < point[1] < high], one_of(rng, _LABELS))
    pen.turned(outline, darker(clay, 0.28), 0.45, 1)
    pen.turned(outline, lighter(clay, 0.25), -0.8, -0.62)
    if kind == "tapered":
        rim = [(half * 1.1, height * 0.82), (half * 1.12, height)]
        pen.turned(rim, lighter(clay, 0.08))
        pen.turned(rim, darker(clay, 0.2), 0.45, 1)


def _leaf(pen: Pen, foot: Point, angle: float, length: float, width: float, color: Color) -> None:
    """A pointed leaf; ``angle`` is measured from upright, in radians."""
    along, across = (math.sin(angle), math.cos(angle)), (math.cos(angle), -math.sin(angle))
    shape = [(t, width * math.sin(math.pi * t**0.8) / 2) for t in (0, 0.15, 0.3, 0.5, 0.7, 0.85, 1)]
    edge = [(t, -w) for t, w in reversed(shape)]
    for outline, shade in ((shape + edge, color), ([*edge, (0.0, 0.0)], darker(color, 0.18))):
        pen.polygon(
            [
                (foot[0] + along[0] * t * length + across[0] * w, foot[1] + along[1] * t * length + across[1] * w)
                for t, w in outline
            ],
            shade,
        )


def _bush(rng: Generator, pen: Pen, foot: Point, tall: float, green: Color) -> None:
    for step in range(26):
        angle = between(rng, -1.35, 1.35)
        reach = tall * between(rng, 0.25, 0.62) if step > 6 else tall * 0.3
        start = (foot[0] + math.sin(angle) * reach * 0.55, foot[1] + math.cos(angle) * reach)
        shade = one_of(rng, (green, darker(green, 0.2), lighter(green, 0.16)))
        _leaf(pen, start, angle + between(rng, -0.7, 0.7), tall * 0.36, tall * 0.17, shade)
    pen.ellipse((foot[0], foot[1] + tall * 0.16), tall * 0.2, tall * 0.2, darker(green, 0.3))


def _snake_plant(rng: Generator, pen: Pen, foot: Point, tall: float, green: Color) -> None:
    for step in range(9):
        angle = (step % 5 - 2) * 0.16 + between(rng, -0.06, 0.06)
        start = (foot[0] + angle * tall * 0.35, foot[1])
        _leaf(pen, start, angle, tall * between(rng, 0.6, 1), tall * 0.13, one_of(rng, (green, lighter(green, 0.22))))


def _palm(rng: Generator, pen: Pen, foot: Point, tall: float, green: Color) -> None:
    crown = (foot[0], foot[1] + tall * 0.42)
    pen.stroke([foot, crown], tall * 0.06, (122, 86, 52))
    for step in range(13):
        angle = (step % 7 - 3) * 0.5 + between(rng, -0.15, 0.15)
        bend = (crown[0] + math.sin(angle) * tall * 0.28, crown[1] + math.cos(angle * 0.7) * tall * 0.26)
        shade = one_of(rng, (green, darker(green, 0.2), lighter(green, 0.12)))
        pen.stroke([crown, bend], tall * 0.05, shade)
        _leaf(pen, bend, angle * 1.35, tall * 0.32, tall * 0.11, shade)


def _cactus(rng: Generator, pen: Pen, foot: Point, tall: float, green: Color) -> None:
    thick = tall * between(rng, 0.24, 0.34)
    parts: list[list[Point]] = [[foot, (foot[0], foot[1] + tall - thick)]]
    for side in (-1, 1) if rng.random() < 0.7 else (1,):
        low, out = foot[1] + tall * between(rng, 0.2, 0.45), foot[0] + side * tall * 0.34
        parts.append([(foot[0], low), (out, low), (out, low + tall * between(rng, 0.15, 0.3))])
    for index, part in enumerate(reversed(parts)):
        wide = thick if index == len(parts) - 1 else thick * 0.55
        pen.stroke(part, wide, green)
        for shift in (-0.25, 0, 0.25):
            pen.stroke([(x + shift * wide, y) for x, y in part[-2:]], wide * 0.05, lighter(green, 0.3))


def _flowers(rng: Generator, pen: Pen, foot: Point, tall: float, green: Color) -> None:
    petal = one_of(rng, _FLOWERS)
    for step in range(8):
        _leaf(pen, foot, (step - 3.5) * 0.36, tall * between(rng, 0.4, 0.6), tall * 0.16, darker(green, 0.15 * (step % 2)))
    for step in range(int(between(rng, 4, 7))):
        angle = (step - 2.5) * 0.3 + between(rng, -0.1, 0.1)
        length = tall * between(rng, 0.6, 0.88)
        head = (foot[0] + math.sin(angle) * length, foot[1] + math.cos(angle) * length)
        pen.stroke([foot, head], tall * 0.03, green)
        for turn in range(6):
            around = turn * math.pi / 3
            pen.disc((head[0] + math.cos(around) * tall * 0.06, head[1] + math.sin(around) * tall * 0.06), tall * 0.05, petal)
        pen.disc(head, tall * 0.045, (250, 214, 92))


_PLANTS: dict[str, Callable[[Generator, Pen, Point, float, Color], None]] = {
    "bush": _bush,
    "snake plant": _snake_plant,
    "palm": _palm,
    "cactus": _cactus,
    "flowers": _flowers,
}


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


DRAWERS: dict[str, Drawer] = {
    "bottle": draw_bottle,
    "car": draw_car,
    "chair": draw_chair,
    "person": draw_person,
    "pottedplant": draw_pottedplant,
    "sheep": draw_sheep,
}
