"""Compose generated scenes: choose and place objects, paint them, and annotate their visible parts."""

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
"""Minimum visible fraction of an annotated object."""
DIFFICULT_BELOW = 0.5
"""Visible fraction below which an object is marked difficult."""
MAX_PER_CATEGORY = 8
"""Maximum number of objects of one category in a scene."""


@dataclass(frozen=True)
class Setting:
    """A kind of place.

    Attributes:
        backdrop: draws the background.
        eye_height: the range of the camera's height above the ground, in metres.
        probabilities: each category's probability of being present.
        clutter: draws clutter.
        clutter_until: the lowest position of clutter, as a fraction of the image's height from the top; it keeps
            trees and lamp posts off the road.
        sizes: factors for categories that are smaller or larger here than usual.
    """

    backdrop: Callable[[Generator, tuple[int, int]], Backdrop]
    eye_height: tuple[float, float]
    probabilities: Mapping[str, float]
    clutter: tuple[Drawer, ...]
    clutter_until: float = 1.02
    sizes: Mapping[str, float] = field(default_factory=dict)


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
    """An annotated object.

    Attributes:
        category: its category's name.
        mask: height×width, its visible pixels.
        box: (x0, y0, x1, y1) around them, in whole pixels, half-open.
        visible: the visible fraction of its pixels; the others are behind other objects or outside the image.
        truncated: whether part of it is outside the image.
    """

    category: str
    mask: NDArray[np.bool_]
    box: tuple[int, int, int, int]
    visible: float
    truncated: bool

    @property
    def difficult(self) -> bool:
        return self.visible < DIFFICULT_BELOW


@dataclass(frozen=True)
class DrawnScene:
    """An RGB image and its annotated objects, farthest first."""

    image: Image.Image
    objects: tuple[DrawnObject, ...]


@dataclass(frozen=True)
class Thing:
    """A patch to paint; ``left`` is its left edge, ``foot`` its lower edge. Clutter has no category."""

    category: str | None
    patch: Image.Image
    left: int
    foot: int

    @property
    def top(self) -> int:
        return self.foot - self.patch.height

    def overlap(self, other: "Thing") -> float:
        """The intersection of the two rectangles, as a fraction of the smaller one."""
        across = min(self.left + self.patch.width, other.left + other.patch.width) - max(self.left, other.left)
        up = min(self.foot, other.foot) - max(self.top, other.top)
        smaller = min(self.patch.width * self.patch.height, other.patch.width * other.patch.height)
        return max(across, 0) * max(up, 0) / smaller


def compose(rng: Generator, size: tuple[int, int], categories: Sequence[str]) -> DrawnScene:
    """A scene of ``size`` (width, height) in pixels with objects of ``categories``."""
    setting = one_of(rng, [place for place in SETTINGS if set(place.probabilities) & set(categories)])
    backdrop, eye_height = setting.backdrop(rng, size), between(rng, *setting.eye_height)
    names = _draw_names(rng, {name: p for name, p in setting.probabilities.items() if name in categories})
    wanted: list[tuple[str | None, Drawer]] = [(name, DRAWERS[name]) for name in names]
    wanted += [(None, one_of(rng, setting.clutter)) for _ in range(int(between(rng, 0, 4)))]
    things: list[Thing] = []
    for category, draw in wanted:
        lowest = 1.02 if category else setting.clutter_until
        foot = between(rng, backdrop.ground, max(lowest, backdrop.ground + 0.02))
        scale = (foot - backdrop.horizon) * size[1] / eye_height
        patch = draw(rng, scale * setting.sizes.get(category or "", 1))
        things.append(_place(rng, Thing(category, patch, 0, round(foot * size[1])), size[0], things))
    things.sort(key=lambda thing: thing.foot)
    return paint(rng, backdrop.image, things)


def _draw_names(rng: Generator, probabilities: Mapping[str, float]) -> list[str]:
    """The category of each object; as in VOC, mostly one or two objects of a present category, rarely many."""
    names: list[str] = []
    for _ in range(2):  # a second try leaves few scenes empty
        for name, probability in probabilities.items():
            if rng.random() < probability:
                many = rng.random() < 0.14
                count = between(rng, 3, MAX_PER_CATEGORY + 1) if many else 1 - math.log(1 - rng.random())
                names += [name] * min(int(count), MAX_PER_CATEGORY)
        if names:
            break
    return names


def _place(rng: Generator, thing: Thing, width: int, others: Sequence[Thing]) -> Thing:
    """Move ``thing`` sideways to a position where it overlaps the others little, or sometimes more."""
    max_overlap = 0.12 if rng.random() < 0.7 else 0.6
    tries: list[tuple[float, Thing]] = []
    for _ in range(8):
        middle = between(rng, 0.05, 0.95) * width
        moved = replace(thing, left=round(middle - thing.patch.width / 2))
        overlap = max((moved.overlap(other) for other in others), default=0.0)
        tries.append((overlap, moved))
        if overlap <= max_overlap:
            break
    return min(tries, key=lambda attempt: attempt[0])[1]


def paint(rng: Generator, canvas: Image.Image, things: Sequence[Thing]) -> DrawnScene:
    """Paint ``things`` from the farthest to the nearest, and annotate the visible ones."""
    width, height = canvas.size
    shown = np.full((height, width), -1, dtype=np.int16)  # the index of the thing that each pixel shows
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
        visible = float(mask.sum()) / whole
        if thing.category is not None and visible >= ANNOTATED_FROM:
            objects.append(DrawnObject(thing.category, mask, _box(mask), visible, truncated=inside < whole))
    return DrawnScene(_as_photographed(rng, canvas), tuple(objects))


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _cast_shadow(canvas: Image.Image, thing: Thing) -> None:
    """Paint a soft dark spot where ``thing`` touches the ground."""
    wide = max(4, round(thing.patch.width * 1.05))
    tall = max(3, round(min(wide * 0.16, thing.patch.height * 0.3)))
    spot = Image.radial_gradient("L").resize((wide, tall)).point(lambda value: max(0, 150 - value))
    left = thing.left + (thing.patch.width - wide) // 2
    canvas.paste((22, 18, 34), (left, thing.foot - round(tall * 0.6)), spot)


def _as_photographed(rng: Generator, canvas: Image.Image) -> Image.Image:
    """Add lighting, vignetting and sensor noise."""
    pixels = np.asarray(canvas, dtype=np.float32)
    height, width = pixels.shape[:2]
    y, x = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    corners = 1 - between(rng, 0.02, 0.1) * (y[:, None] ** 2 + x**2)
    light = np.array([between(rng, 0.94, 1.06) for _ in range(3)], dtype=np.float32) * between(rng, 0.9, 1.12)
    grain = (rng.random((height, width), dtype=np.float32) - 0.5) * np.float32(between(rng, 1, 8))
    lit = pixels * (corners[..., None] * light) + grain[..., None]
    return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8))
