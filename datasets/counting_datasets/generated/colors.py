"""Colours and palettes shared by several drawings."""

import colorsys

Color = tuple[int, int, int]

LABELS: tuple[Color, ...] = (
    (244, 236, 214), (222, 60, 48), (52, 96, 170), (246, 202, 76), (250, 250, 250), (40, 44, 52), (232, 128, 48),
)  # fmt: skip
PAINTS: tuple[Color, ...] = (
    (204, 42, 40), (34, 84, 158), (240, 240, 238), (52, 56, 64), (168, 174, 182), (236, 178, 40), (42, 120, 92),
    (122, 172, 208), (128, 36, 62), (224, 112, 44),
)  # fmt: skip
WOODS: tuple[Color, ...] = ((150, 98, 54), (188, 134, 82), (106, 66, 40), (212, 170, 116), (84, 54, 40))


def hsv(hue: float, saturation: float, value: float) -> Color:
    """A colour from hue, saturation and value, each 0 to 1."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return round(red * 255), round(green * 255), round(blue * 255)


def mix(one: Color, other: Color, share: float) -> Color:
    """A blend of the fraction ``share`` of ``other`` with ``one``."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def darker(color: Color, share: float = 0.25) -> Color:
    return mix(color, (20, 16, 30), share)


def lighter(color: Color, share: float = 0.3) -> Color:
    return mix(color, (255, 252, 240), share)
