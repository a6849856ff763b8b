"""Wine, beer, soda and squeeze bottles."""

from numpy.random import Generator
from PIL import Image

from counting_datasets.generated.chance import between, one_of
from counting_datasets.generated.colors import LABELS, Color, darker, lighter
from counting_datasets.generated.pen import Pen, smooth

_GLASS: tuple[Color, ...] = (
    (38, 92, 58), (28, 72, 48), (104, 60, 28), (136, 84, 36), (70, 118, 86), (34, 58, 92),
)  # fmt: skip
_PLASTIC: tuple[Color, ...] = (
    (150, 204, 226), (186, 222, 232), (120, 180, 214), (206, 44, 40), (244, 196, 48), (72, 160, 76),
    (240, 240, 236),
)  # fmt: skip


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
    profile = [(half * 0.9, 0), (half, 0.05 * height), (half * waist, 0.34 * height), (half, shoulder)]
    outline = smooth([*profile, (half * neck, collar), (half * neck, height * 0.98)])
    pen.turned(outline, color)
    pen.turned(outline, darker(color, 0.3), 0.4, 1)
    pen.turned([point for point in outline if point[1] > 0.04 * height], lighter(color, 0.55), -0.78, -0.56)
    label = one_of(rng, LABELS)
    low, high = 0.16 * height, shoulder * between(rng, 0.72, 0.9)
    band = [(half * 1.01, low), (half * 1.01, high)]
    if kind != "squeeze" or rng.random() < 0.5:
        pen.turned(band, label)
        pen.turned(band, darker(label, 0.2), 0.45, 1)
        stripe = [(half * 1.01, low + 0.3 * (high - low)), (half * 1.01, low + 0.55 * (high - low))]
        pen.turned(stripe, one_of(rng, LABELS), -1, 1)
    cap = one_of(rng, ((196, 40, 40), (220, 180, 70), (240, 240, 240), (40, 70, 140), (30, 30, 34)))
    pen.turned([(half * (neck + 0.08), height * 0.9), (half * (neck + 0.06), height)], cap)
    return pen.finish(mirrored=rng.random() < 0.5)
