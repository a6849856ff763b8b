"""Plants in pots."""

import math
from collections.abc import Callable

from numpy.random import Generator
from PIL import Image

from counting_datasets.generated.chance import between, one_of
from counting_datasets.generated.colors import LABELS, Color, darker, hsv, lighter
from counting_datasets.generated.pen import Pen, Point, smooth

_POTS: tuple[Color, ...] = (
    (190, 98, 62), (172, 84, 52), (236, 232, 224), (72, 92, 112), (62, 122, 128), (218, 168, 72), (70, 66, 68),
)  # fmt: skip
_FLOWERS: tuple[Color, ...] = ((232, 72, 96), (248, 190, 60), (196, 96, 190), (250, 244, 246), (240, 128, 64))


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
        pen.turned([point for point in outline if low < point[1] < high], one_of(rng, LABELS))
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
                (
                    foot[0] + along[0] * t * length + across[0] * w,
                    foot[1] + along[1] * t * length + across[1] * w,
                )
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
        _leaf(
            pen,
            start,
            angle,
            tall * between(rng, 0.6, 1),
            tall * 0.13,
            one_of(rng, (green, lighter(green, 0.22))),
        )


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
        _leaf(
            pen,
            foot,
            (step - 3.5) * 0.36,
            tall * between(rng, 0.4, 0.6),
            tall * 0.16,
            darker(green, 0.15 * (step % 2)),
        )
    for step in range(int(between(rng, 4, 7))):
        angle = (step - 2.5) * 0.3 + between(rng, -0.1, 0.1)
        length = tall * between(rng, 0.6, 0.88)
        head = (foot[0] + math.sin(angle) * length, foot[1] + math.cos(angle) * length)
        pen.stroke([foot, head], tall * 0.03, green)
        for turn in range(6):
            around = turn * math.pi / 3
            pen.disc(
                (head[0] + math.cos(around) * tall * 0.06, head[1] + math.sin(around) * tall * 0.06),
                tall * 0.05,
                petal,
            )
        pen.disc(head, tall * 0.045, (250, 214, 92))


_PLANTS: dict[str, Callable[[Generator, Pen, Point, float, Color], None]] = {
    "bush": _bush,
    "snake plant": _snake_plant,
    "palm": _palm,
    "cactus": _cactus,
    "flowers": _flowers,
}
