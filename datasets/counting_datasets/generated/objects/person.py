"""Adults and children."""

from numpy.random import Generator
from PIL import Image

from counting_datasets.generated.chance import between, one_of
from counting_datasets.generated.colors import LABELS, PAINTS, Color, darker, hsv
from counting_datasets.generated.pen import Pen, Point, smooth

_SKINS: tuple[Color, ...] = ((246, 212, 182), (228, 180, 142), (196, 142, 100), (146, 96, 62), (98, 64, 44))
_HAIRS: tuple[Color, ...] = (
    (34, 26, 24),
    (74, 46, 28),
    (132, 88, 46),
    (208, 164, 88),
    (158, 72, 36),
    (176, 174, 172),
)


def draw_person(rng: Generator, scale: float) -> Image.Image:
    """An adult or a child, standing, walking or waving."""
    height = between(rng, 1.0, 1.3) if rng.random() < 0.2 else between(rng, 1.55, 1.9)
    skin, hair = one_of(rng, _SKINS), one_of(rng, _HAIRS)
    shirt, trousers = (
        hsv(rng.random(), between(rng, 0.2, 0.85), between(rng, 0.4, 0.95)),
        one_of(rng, _TROUSERS),
    )
    pen = Pen(0.66 * height, height * 1.24, scale)
    unit = height / 8  # an adult is about eight heads tall
    hip, shoulder, chin = 3.9 * unit, 6.45 * unit, 6.85 * unit
    long_hair = rng.random() < 0.4
    if long_hair:
        pen.ellipse((0, chin + 0.1 * unit), 0.66 * unit, 1.1 * unit, darker(hair, 0.15))
    _legs(rng, pen, unit, hip, trousers, skin)
    torso = smooth(
        [
            (0.72 * unit, hip - 0.2 * unit),
            (0.66 * unit, 5 * unit),
            (0.98 * unit, shoulder - 0.2 * unit),
            (0.42 * unit, shoulder + 0.12 * unit),
        ]
    )
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
        pen.turned([(0.7 * unit, 5 * unit), (0.84 * unit, 5.6 * unit)], one_of(rng, LABELS))
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
    pen.stroke(
        [(-0.12 * unit, middle - 0.32 * unit), (0.12 * unit, middle - 0.32 * unit)],
        0.04 * unit,
        (160, 76, 70),
    )
    if rng.random() < 0.2:
        hat = one_of(rng, PAINTS)
        pen.box((-0.58 * unit, middle + 0.3 * unit), (0.58 * unit, middle + 0.8 * unit), hat, radius=0.25 * unit)
        pen.box(
            (-0.58 * unit, middle + 0.28 * unit),
            (0.95 * unit, middle + 0.42 * unit),
            darker(hat),
            radius=0.07 * unit,
        )
