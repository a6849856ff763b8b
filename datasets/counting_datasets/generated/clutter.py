"""Drawings of clutter: objects of no category."""

import math

from numpy.random import Generator
from PIL import Image

from counting_datasets.generated.chance import between, one_of
from counting_datasets.generated.colors import LABELS, PAINTS, WOODS, Color, darker, hsv, lighter
from counting_datasets.generated.pen import Pen, smooth


def draw_tree(rng: Generator, scale: float) -> Image.Image:
    height = between(rng, 2.4, 4.2)
    green = hsv(between(rng, 0.2, 0.36), between(rng, 0.35, 0.6), between(rng, 0.36, 0.6))
    pen = Pen(height * 0.8, height, scale)
    pen.polygon([(-0.12, 0), (-0.07, height * 0.5), (0.07, height * 0.5), (0.12, 0)], (98, 70, 48))
    if rng.random() < 0.35:
        for step in range(3):
            low = height * (0.22 + 0.22 * step)
            half = height * (0.28 - 0.07 * step)
            pen.polygon([(-half, low), (0, low + height * 0.34), (half, low)], green)
            pen.polygon([(half * 0.1, low), (0, low + height * 0.34), (half, low)], darker(green, 0.18))
        return pen.finish()
    for step in range(9):
        around = step * math.tau / 9
        place = (math.cos(around) * height * 0.2, height * 0.68 + math.sin(around) * height * 0.15)
        pen.disc(place, height * 0.15, darker(green, 0.2) if math.sin(around) < 0 else green)
    pen.disc((-height * 0.05, height * 0.74), height * 0.14, lighter(green, 0.14))
    return pen.finish(mirrored=rng.random() < 0.5)


def draw_shrub(rng: Generator, scale: float) -> Image.Image:
    height = between(rng, 0.5, 1.0)
    green = hsv(between(rng, 0.2, 0.36), between(rng, 0.35, 0.6), between(rng, 0.34, 0.56))
    pen = Pen(height * 2.1, height, scale)
    for x, y, radius in (
        (-0.6, 0.3, 0.34),
        (0.6, 0.28, 0.32),
        (-0.25, 0.5, 0.42),
        (0.3, 0.55, 0.4),
        (0, 0.3, 0.4),
    ):
        pen.disc((x * height, y * height), radius * height, darker(green, between(rng, 0, 0.22)))
    pen.disc((-0.2 * height, 0.66 * height), 0.2 * height, lighter(green, 0.14))
    return pen.finish(mirrored=rng.random() < 0.5)


def draw_rock(rng: Generator, scale: float) -> Image.Image:
    height, grey = between(rng, 0.25, 0.7), between(rng, 0.4, 0.66)
    stone = hsv(between(rng, 0.05, 0.15), 0.07, grey)
    pen = Pen(height * 2.2, height, scale)
    outline = [(-1.0, 0), (-0.85, 0.5), (-0.35, between(rng, 0.8, 1)), (0.3, 0.92), (0.82, 0.55), (1.0, 0)]
    pen.polygon([(x * height, y * height) for x, y in outline], stone)
    pen.polygon([(x * height, y * height) for x, y in (*outline[3:], (0.2, 0.3))], darker(stone, 0.2))
    pen.polygon([(x * height, y * height) for x, y in (*outline[1:3], (-0.3, 0.5))], lighter(stone, 0.2))
    return pen.finish(mirrored=rng.random() < 0.5)


def draw_fence(rng: Generator, scale: float) -> Image.Image:
    wood, wide, height = one_of(rng, (*WOODS, (232, 228, 218))), between(rng, 2.2, 3.6), between(rng, 0.75, 1.0)
    pen = Pen(wide + 0.2, height, scale)
    for share in (0.45, 0.8):
        pen.stroke([(-wide / 2, height * share), (wide / 2, height * share)], 0.08, darker(wood, 0.12))
    for step in range(4):
        x = wide * (step / 3 - 0.5)
        pen.box((x - 0.06, 0), (x + 0.06, height), wood, radius=0.02)
    return pen.finish()


def draw_lamp_post(rng: Generator, scale: float) -> Image.Image:
    height, metal = between(rng, 2.8, 3.8), one_of(rng, ((54, 60, 64), (92, 98, 104), (40, 66, 60)))
    pen = Pen(1.0, height, scale)
    pen.box((-0.12, 0), (0.12, 0.25), metal)
    pen.box((-0.05, 0), (0.05, height - 0.2), metal)
    pen.polygon(
        [(-0.24, height - 0.1), (-0.14, height - 0.5), (0.14, height - 0.5), (0.24, height - 0.1)], (255, 240, 190)
    )
    pen.box((-0.26, height - 0.14), (0.26, height - 0.03), metal, radius=0.04)
    return pen.finish()


def draw_cone(rng: Generator, scale: float) -> Image.Image:
    height = between(rng, 0.5, 0.75)
    pen = Pen(height * 0.9, height, scale)
    profile = [(0.3 * height, 0.06 * height), (0.06 * height, height)]
    pen.box((-0.42 * height, 0), (0.42 * height, 0.09 * height), (206, 84, 30))
    pen.turned(profile, (238, 108, 40))
    pen.turned([(0.2 * height, 0.42 * height), (0.14 * height, 0.66 * height)], (248, 246, 240))
    return pen.finish()


def draw_bin(rng: Generator, scale: float) -> Image.Image:
    height, color = between(rng, 0.8, 1.1), one_of(rng, ((58, 96, 72), (70, 74, 80), (52, 84, 128), (128, 92, 52)))
    pen = Pen(0.8, height, scale)
    body = [(0.25, 0), (0.31, height * 0.86)]
    pen.turned(body, color)
    pen.turned(body, darker(color, 0.25), 0.4, 1)
    pen.box((-0.35, height * 0.84), (0.35, height), darker(color, 0.35), radius=0.06)
    return pen.finish()


def draw_floor_lamp(rng: Generator, scale: float) -> Image.Image:
    height, shade = (
        between(rng, 1.35, 1.7),
        one_of(rng, ((246, 228, 186), (232, 206, 160), (214, 120, 90), (148, 168, 172))),
    )
    metal: Color = (70, 62, 56)
    pen = Pen(0.6, height, scale)
    pen.ellipse((0, 0.03), 0.15, 0.03, metal)
    pen.stroke([(0, 0.03), (0, height - 0.2)], 0.03, metal)
    profile = [(0.24, height - 0.36), (0.14, height)]
    pen.turned(profile, shade)
    pen.turned(profile, darker(shade, 0.14), 0.4, 1)
    return pen.finish()


def draw_cabinet(rng: Generator, scale: float) -> Image.Image:
    wood, wide, height = one_of(rng, (*WOODS, (228, 224, 214))), between(rng, 0.7, 1.2), between(rng, 0.55, 1.1)
    pen = Pen(wide + 0.1, height, scale)
    for side in (-1, 1):
        pen.box((side * wide * 0.46, 0), (side * wide * 0.4, 0.12), darker(wood, 0.45))
    pen.box((-wide / 2, 0.1), (wide / 2, height), wood, radius=0.02)
    rows = 2 if height < 0.85 else 3
    for row in range(rows):
        low = 0.13 + (height - 0.17) * row / rows
        high = 0.1 + (height - 0.17) * (row + 1) / rows
        pen.box((-wide * 0.46, low), (wide * 0.46, high), darker(wood, 0.12), radius=0.01)
        pen.disc((0, (low + high) / 2), 0.025, (226, 200, 130))
    pen.box((-wide * 0.52, height - 0.05), (wide * 0.52, height), lighter(wood, 0.15))
    return pen.finish()


def draw_carton(rng: Generator, scale: float) -> Image.Image:
    half, height = between(rng, 0.16, 0.28), between(rng, 0.2, 0.4)
    board: Color = one_of(rng, ((196, 154, 106), (178, 136, 92), (214, 176, 128)))
    pen = Pen(2 * half + 0.24, height + 0.1, scale)
    pen.box((-half - 0.06, 0), (half - 0.06, height), board)
    pen.polygon(
        [(half - 0.06, 0), (half - 0.06, height), (half + 0.08, height + 0.08), (half + 0.08, 0.07)],
        darker(board, 0.25),
    )
    top = [
        (-half - 0.06, height),
        (-half + 0.08, height + 0.08),
        (half + 0.08, height + 0.08),
        (half - 0.06, height),
    ]
    pen.polygon(top, lighter(board, 0.2))
    pen.box((-0.11, height * 0.55), (-0.01, height), lighter(board, 0.35))
    return pen.finish(mirrored=rng.random() < 0.5)


def draw_ball(rng: Generator, scale: float) -> Image.Image:
    radius, color = between(rng, 0.1, 0.2), one_of(rng, PAINTS)
    pen = Pen(2 * radius, 2 * radius, scale)
    pen.disc((0, radius), radius, darker(color, 0.22))
    pen.disc((-radius * 0.1, radius * 1.08), radius * 0.86, color)
    pen.turned([(radius * 0.9, radius * 0.86), (radius * 0.95, radius * 1.16)], one_of(rng, LABELS))
    pen.disc((-radius * 0.4, radius * 1.5), radius * 0.16, lighter(color, 0.7))
    return pen.finish(mirrored=rng.random() < 0.5)


def draw_mug(rng: Generator, scale: float) -> Image.Image:
    half, height, glaze = between(rng, 0.038, 0.05), between(rng, 0.085, 0.11), one_of(rng, (*PAINTS, *LABELS))
    pen = Pen(4 * half, height * 1.1, scale)
    pen.ellipse((half * 1.15, height * 0.52), half * 0.6, height * 0.3, darker(glaze, 0.15))
    pen.ellipse((half * 1.1, height * 0.52), half * 0.34, height * 0.17, (126, 112, 98))
    body = smooth([(half * 0.8, 0), (half, height * 0.2), (half, height)])
    pen.turned(body, glaze)
    pen.turned(body, darker(glaze, 0.22), 0.45, 1)
    pen.turned(body, lighter(glaze, 0.4), -0.8, -0.64)
    pen.ellipse((0, height), half, half * 0.22, lighter(glaze, 0.3))
    pen.ellipse((0, height), half * 0.82, half * 0.15, (82, 52, 36))
    return pen.finish(mirrored=rng.random() < 0.5)


def draw_fruit_bowl(rng: Generator, scale: float) -> Image.Image:
    half, glaze = between(rng, 0.11, 0.15), one_of(rng, PAINTS)
    pen = Pen(2 * half + 0.02, half * 1.5, scale)
    for step in range(6):
        fruit = one_of(rng, ((222, 60, 44), (240, 150, 40), (150, 186, 60), (246, 206, 70)))
        place = ((step % 3 - 1) * half * 0.55 + between(rng, -0.01, 0.01), half * (0.78 + 0.28 * (step < 3)))
        pen.disc(place, half * 0.33, fruit)
        pen.disc((place[0] - half * 0.1, place[1] + half * 0.1), half * 0.09, lighter(fruit, 0.5))
    bowl = smooth([(half * 0.45, 0), (half * 0.85, half * 0.32), (half, half * 0.8)])
    pen.turned(bowl, glaze)
    pen.turned(bowl, darker(glaze, 0.25), 0.4, 1)
    return pen.finish(mirrored=rng.random() < 0.5)


def draw_books(rng: Generator, scale: float) -> Image.Image:
    pen = Pen(0.32, 0.2, scale)
    low = 0.0
    for _ in range(int(between(rng, 2, 5))):
        thick, half, cover = between(rng, 0.022, 0.045), between(rng, 0.09, 0.13), one_of(rng, PAINTS)
        shift = between(rng, -0.02, 0.02)
        pen.box((shift - half, low), (shift + half, low + thick), cover, radius=0.004)
        pen.box((shift + half * 0.9, low + 0.005), (shift + half, low + thick - 0.005), (244, 238, 222))
        pen.box((shift - half * 0.6, low), (shift - half * 0.5, low + thick), lighter(cover, 0.5))
        low += thick
    return pen.finish(mirrored=rng.random() < 0.5)
