"""Put things into a place: how many of what, where they stand, and what of them is seen."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from counting_datasets.generated import backdrops, clutter
from counting_datasets.generated.backdrops import Backdrop
from counting_datasets.generated.chance import between, one_of
from counting_datasets.generated.objects import DRAWERS, Drawer

ANNOTATED_FROM = 0.35
"""An object of which less than this share is seen is not annotated."""
DIFFICULT_BELOW = 0.5
"""One of which less than this share is seen is marked difficult."""
MOST = 8
"""No more things of one category are put into a scene."""


@dataclass(frozen=True)
class Setting:
    """A kind of place: the height of the eye in metres, each category's odds of being there, and what else is."""

    backdrop: Callable[[Generator, tuple[int, int]], Backdrop]
    eye: tuple[float, float]
    odds: Mapping[str, float]
    clutter: tuple[Drawer, ...]
    clutter_until: float = 1.02
    """How far down the image clutter stands: trees and lamp posts stay off the road."""
    sizes: Mapping[str, float] = field(default_factory=dict)
    """How large some categories are here, beside their usual size."""


SETTINGS = (
    Setting(
        backdrops.table,
        (0.42, 0.6),
        {"bottle": 0.8, "pottedplant": 0.35},
        (clutter.draw_mug, clutter.draw_fruit_bowl, clutter.draw_books),
        sizes={"pottedplant": 0.6},
    ),
    Setting(
        backdrops.room,
        (1.3, 1.8),
        {"chair": 0.65, "person": 0.4, "pottedplant": 0.35, "bottle": 0.08},
        (clutter.draw_floor_lamp, clutter.draw_cabinet, clutter.draw_carton, clutter.draw_ball),
        sizes={"pottedplant": 1.4},
    ),
    Setting(
        backdrops.street,
        (1.8, 4.5),
        {"car": 0.75, "person": 0.45, "pottedplant": 0.08, "chair": 0.04},
        (clutter.draw_tree, clutter.draw_lamp_post, clutter.draw_cone, clutter.draw_bin, clutter.draw_shrub),
        clutter_until=0.57,
    ),
    Setting(
        backdrops.meadow,
        (1.4, 3.2),
        {"sheep": 0.75, "person": 0.25, "car": 0.1, "chair": 0.03},
        (clutter.draw_tree, clutter.draw_shrub, clutter.draw_rock, clutter.draw_fence),
    ),
)


@dataclass(frozen=True)
class DrawnObject:
    """One annotated object.

    Attributes:
        category: its name.
        mask: height×width, the pixels in which it is seen.
        box: (x0, y0, x1, y1) around them, in whole pixels, half-open.
        seen: the share of its pixels that is seen; the rest lies behind others or outside the image.
        truncated: whether some of it lies outside the image.
    """

    category: str
    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    seen: float
    truncated: bool

    @property
    def difficult(self) -> bool:
        return self.seen < DIFFICULT_BELOW


@dataclass(frozen=True)
class DrawnScene:
    """An RGB image and the objects annotated in it, farthest first."""

    image: Image.Image
    objects: tuple[DrawnObject, ...]


@dataclass(frozen=True)
class Thing:
    """A patch to be painted with its lower edge at row ``foot``; without a category it is clutter."""

    category: str | None
    patch: Image.Image
    left: int
    foot: int

    @property
    def top(self) -> int:
        return self.foot - self.patch.height

    def shared(self, other: "Thing") -> float:
        """How much of the smaller one's rectangle the two have in common, from 0 to 1."""
        across = min(self.left + self.patch.width, other.left + other.patch.width) - max(self.left, other.left)
        up = min(self.foot, other.foot) - max(self.top, other.top)
        smaller = min(self.patch.width * self.patch.height, other.patch.width * other.patch.height)
        return max(across, 0) * max(up, 0) / smaller


def compose(rng: Generator, size: tuple[int, int], categories: Sequence[str]) -> DrawnScene:
    """A scene of ``size`` (width, height) pixels with objects of these categories in it."""
    setting = one_of(rng, [place for place in SETTINGS if set(place.odds) & set(categories)])
    backdrop, eye = setting.backdrop(rng, size), between(rng, *setting.eye)
    counts = _counts(rng, {name: odds for name, odds in setting.odds.items() if name in categories})
    wanted: list[tuple[str | None, Drawer]] = [(name, DRAWERS[name]) for name in counts]
    wanted += [(None, one_of(rng, setting.clutter)) for _ in range(int(between(rng, 0, 4)))]
    things: list[Thing] = []
    for category, draw in wanted:
        lowest = 1.02 if category else setting.clutter_until
        foot = between(rng, backdrop.ground, max(lowest, backdrop.ground + 0.02))
        scale = (foot - backdrop.horizon) * size[1] / eye
        patch = draw(rng, scale * setting.sizes.get(category or "", 1))
        things.append(_place(rng, Thing(category, patch, 0, round(foot * size[1])), size[0], things))
    things.sort(key=lambda thing: thing.foot)
    return paint(rng, backdrop.image, things)


def _counts(rng: Generator, odds: Mapping[str, float]) -> list[str]:
    """A name for each object, as sparse as in VOC: one or two of what is there at all, and rarely a crowd."""
    names: list[str] = []
    for _ in range(2):  # a second try leaves few scenes empty
        for name, chance in odds.items():
            if rng.random() < chance:
                crowd = rng.random() < 0.14
                count = between(rng, 3, MOST + 1) if crowd else 1 - math.log(1 - rng.random())
                names += [name] * min(int(count), MOST)
        if names:
            break
    return names


def _place(rng: Generator, thing: Thing, width: int, others: Sequence[Thing]) -> Thing:
    """Move a thing sideways to where it and the others hide each other but little, or at times more."""
    tolerated = 0.12 if rng.random() < 0.7 else 0.6
    tries: list[tuple[float, Thing]] = []
    for _ in range(8):
        middle = between(rng, 0.05, 0.95) * width
        there = replace(thing, left=round(middle - thing.patch.width / 2))
        shared = max((there.shared(other) for other in others), default=0.0)
        tries.append((shared, there))
        if shared <= tolerated:
            break
    return min(tries, key=lambda attempt: attempt[0])[1]


def paint(rng: Generator, canvas: Image.Image, things: Sequence[Thing]) -> DrawnScene:
    """Paint from the farthest to the nearest, keeping account of which thing each pixel shows."""
    width, height = canvas.size
    shown = np.full((height, width), -1, dtype=np.int16)
    pixels = []
    for index, thing in enumerate(things):
        _cast_shadow(canvas, thing)
        canvas.paste(thing.patch, (thing.left, thing.top), thing.patch)
        solid = np.asarray(thing.patch.getchannel("A")) >= 128
        within = solid[max(0, -thing.top) : height - thing.top, max(0, -thing.left) : width - thing.left]
        y, x = max(0, thing.top), max(0, thing.left)
        shown[y : y + within.shape[0], x : x + within.shape[1]][within] = index
        pixels.append((int(solid.sum()), int(within.sum())))
    objects = []
    for index, (thing, (whole, inside)) in enumerate(zip(things, pixels, strict=True)):
        mask = shown == index
        seen = float(mask.sum()) / whole
        if thing.category is not None and seen >= ANNOTATED_FROM:
            objects.append(DrawnObject(thing.category, mask, _box(mask), seen, truncated=inside < whole))
    return DrawnScene(_as_photographed(rng, canvas), tuple(objects))


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _cast_shadow(canvas: Image.Image, thing: Thing) -> None:
    """A soft dark spot where it touches the ground."""
    wide = max(4, round(thing.patch.width * 1.05))
    tall = max(3, round(min(wide * 0.16, thing.patch.height * 0.3)))
    spot = Image.radial_gradient("L").resize((wide, tall)).point(lambda value: max(0, 150 - value))
    left = thing.left + (thing.patch.width - wide) // 2
    canvas.paste((22, 18, 34), (left, thing.foot - round(tall * 0.6)), spot)


def _as_photographed(rng: Generator, canvas: Image.Image) -> Image.Image:
    """Light, dark corners and a sensor's grain."""
    pixels = np.asarray(canvas, dtype=np.float32)
    height, width = pixels.shape[:2]
    y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    corners = 1 - between(rng, 0.02, 0.1) * (y[:, None] ** 2 + x**2)
    light = np.array([between(rng, 0.94, 1.06) for _ in range(3)], dtype=np.float32) * between(rng, 0.9, 1.12)
    grain = (rng.random((height, width), dtype=np.float32) - 0.5) * np.float32(between(rng, 1, 8))
    lit = pixels * (corners[..., None] * light) + grain[..., None]
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
