"""Sequences of frames with known counts, made from annotated photos: a turning camera, and passers-by."""

import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counting_datasets.categories import match_categories
from counting_datasets.coco_masks import decode
from counting_datasets.errors import PhotoError
from counting_datasets.scene import Scene

WIDTH, HEIGHT = 500, 375
"""Size of a frame."""

KINDS = ("turning camera", "passers-by")

IN_VIEW = 0.25
"""Share of an object's box that must be in the frame for it to count."""

SPEEDS = (6.0, 40.0)
"""Fastest and slowest: seconds in which a camera turns by its own view, or a passer-by crosses it."""

SMALLEST = 60
"""Smallest height in pixels of an object that is cut out."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FrameSequence:
    """A sequence of frames.

    Attributes:
        seconds: the time of each frame.
        counts: frames×K true counts.
        frame: the frame of a given number.
    """

    seconds: Floats
    counts: NDArray[np.int64]
    frame: Callable[[int], Image.Image]


def turning_camera(scenes: Sequence[Scene], seconds: Floats, rng: np.random.Generator) -> FrameSequence:
    """A window that moves over photos side by side, as a camera that turns; objects enter and leave."""
    photos, boxes, labels, left = [], [], [], 0.0
    for scene in scenes:
        photo = scene.image()
        scale = HEIGHT / photo.height
        photos.append(photo.resize((max(1, round(photo.width * scale)), HEIGHT)))
        boxes.append(scene.boxes * scale + [left, 0, left, 0])
        labels.append(scene.labels)
        left += photos[-1].width
    strip = Image.new("RGB", (max(int(left), WIDTH), HEIGHT))
    for photo, x in zip(photos, np.cumsum([0, *(photo.width for photo in photos[:-1])]).tolist(), strict=True):
        strip.paste(photo, (x, 0))
    room = max(left - WIDTH, 0)
    pace = WIDTH / np.exp(rng.uniform(*np.log(SPEEDS)))
    way = (rng.uniform(0, room) + pace * seconds) % (2 * room) if room else np.zeros_like(seconds)
    x0 = np.where(way > room, 2 * room - way, way).round()
    all_boxes, all_labels = np.concatenate(boxes), np.concatenate(labels)
    views = np.stack([np.array([x, 0, x + WIDTH, HEIGHT]) for x in x0])
    counts = np.stack([_in_view(all_boxes, all_labels, view, len(scenes[0].categories)) for view in views])
    return FrameSequence(seconds, counts, lambda n: strip.crop((int(x0[n]), 0, int(x0[n]) + WIDTH, HEIGHT)))


def _in_view(boxes: Floats, labels: NDArray[np.int64], view: Floats, categories: int) -> NDArray[np.int64]:
    """K counts of the boxes with at least ``IN_VIEW`` of their area in the view."""
    corners = np.concatenate([np.maximum(boxes[:, :2], view[:2]), np.minimum(boxes[:, 2:], view[2:])], axis=1)
    shares = _areas(corners) / np.maximum(_areas(boxes), 1e-9)
    return np.bincount(labels[shares >= IN_VIEW], minlength=categories)


def _areas(boxes: Floats) -> Floats:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1))


@dataclass(frozen=True)
class CutOut:
    """An object cut out of a photo: RGBA and its category's index."""

    picture: Image.Image
    label: int


def cut_outs(annotations: Path, images: Path, categories: Sequence[str], photos: int = 100) -> list[CutOut]:
    """The large objects with masks in ``photos`` photos of a COCO file, but none at the edge of its photo."""
    content = json.loads(annotations.read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in content["categories"]}
    index = match_categories(list(names.values()), categories)
    labels = {id_: index[place] for place, id_ in enumerate(names) if place in index}
    masked = defaultdict(list)
    for one in content["annotations"]:
        if one["segmentation"] and one["category_id"] in labels and not one.get("iscrowd"):
            masked[one["image_id"]].append(one)
    found = []
    for image in [image for image in content["images"] if image["id"] in masked][:photos]:
        photo = np.asarray(Image.open(images / image["file_name"]).convert("RGB"))
        for one in masked[image["id"]]:
            x0, y0, width, height = (round(side) for side in one["bbox"])
            x1, y1 = x0 + width, y0 + height
            inside = x0 > 2 and y0 > 2 and x1 < photo.shape[1] - 2 and y1 < photo.shape[0] - 2
            if inside and height >= SMALLEST:
                mask = decode(one["segmentation"], (photo.shape[1], photo.shape[0]))
                part = np.dstack([photo, mask * np.uint8(255)])[y0:y1, x0:x1]
                found.append(CutOut(Image.fromarray(part), labels[one["category_id"]]))
    return found


@dataclass(frozen=True)
class _PasserBy:
    picture: Image.Image
    label: int
    start: float
    crossing: float
    top: int
    rightwards: bool

    def place(self, second: float) -> int:
        """Its left edge at a time."""
        way = (second - self.start) / self.crossing * (WIDTH + self.picture.width)
        return round(way - self.picture.width if self.rightwards else WIDTH - way)


def passers_by(
    background: Scene, cut: Sequence[CutOut], seconds: Floats, rng: np.random.Generator, every: float = 8.0
) -> FrameSequence:
    """A camera that stands still: a photo with cut-out objects that cross it, one every ``every`` seconds.

    Each frame is a little brighter or darker and compressed by itself, so that no two frames are equal.
    """
    photo = background.image()
    still = photo.resize((WIDTH, HEIGHT))
    boxes = background.boxes * ([WIDTH / photo.width, HEIGHT / photo.height] * 2)
    length = float(seconds[-1])
    group = [_passer_by(cut, length, rng) for _ in range(rng.poisson((length + SPEEDS[1]) / every))]
    light, quality = rng.uniform(0.9, 1.1, len(seconds)), rng.integers(60, 95, len(seconds))
    view = np.array([0.0, 0, WIDTH, HEIGHT])
    categories = len(background.categories)

    def truth(second: float) -> NDArray[np.int64]:
        there = [(one, one.place(second)) for one in group]
        moving = np.array(
            [(x, one.top, x + one.picture.width, one.top + one.picture.height) for one, x in there], dtype=float
        ).reshape(-1, 4)
        labels = np.array([one.label for one in group], dtype=np.int64)
        return _in_view(
            np.concatenate([boxes, moving]), np.concatenate([background.labels, labels]), view, categories
        )

    def frame(number: int) -> Image.Image:
        canvas = still.copy()
        for one in group:
            canvas.paste(one.picture, (one.place(seconds[number]), one.top), one.picture)
        return _compressed(canvas.point(lambda value: value * light[number]), int(quality[number]))

    return FrameSequence(seconds, np.stack([truth(second) for second in seconds]), frame)


def _passer_by(cut: Sequence[CutOut], length: float, rng: np.random.Generator) -> _PasserBy:
    one = cut[int(rng.integers(len(cut)))]
    height = int(rng.uniform(0.3, 0.8) * HEIGHT)
    width = max(1, round(one.picture.width * height / one.picture.height))
    if width > WIDTH:
        width, height = WIDTH, max(1, round(height * WIDTH / width))
    crossing = float(np.exp(rng.uniform(*np.log(SPEEDS))))
    top = HEIGHT - height - int(rng.uniform(0, 0.15) * HEIGHT)
    start = float(rng.uniform(-SPEEDS[1], length))
    return _PasserBy(one.picture.resize((width, height)), one.label, start, crossing, top, rng.random() < 0.5)


def _compressed(frame: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    frame.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def sequences(
    kind: str, scenes: Sequence[Scene], cut: Sequence[CutOut], number: int, seconds: Floats, seed: int = 0
) -> Iterator[FrameSequence]:
    """``number`` sequences of a kind in ``KINDS``; photos that cannot be read are left out."""
    rng = np.random.default_rng(seed)
    order = iter(rng.permutation(len(scenes)).tolist())
    made = 0
    while made < number:
        try:
            if kind == KINDS[0]:
                yield turning_camera([scenes[next(order)] for _ in range(4)], seconds, rng)
            else:
                yield passers_by(scenes[next(order)], cut, seconds, rng)
        except PhotoError:
            continue
        made += 1
