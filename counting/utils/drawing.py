"""A photo with what was counted where drawn on it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from counting.utils.fonts import Font, load_font
from counting_datasets.errors import DataError

SMALLEST, LARGEST = 640, 1280
"""The longer side of a drawing, in pixels, lies between these."""

THUMBNAIL = 480

_COLOURS = ("#99DDFF", "#FFAABB", "#EEDD88", "#44BB99", "#EE8866", "#BBCC33", "#77AADD", "#DDDDDD")
"""Paul Tol's "light" scheme: told apart by the colour-blind, legible on the dark backing."""

_BACKING = (12, 14, 18, 200)
_BAR = (18, 20, 26)
_PANEL = (30, 33, 41)
_GAP = 6
_LABELS_PER_CELL = 3
_SMALLEST_FONT = 14
"""Size in pixels below which a decimal point can be overlooked."""

_NARROWEST_BAR = 320
_LEAST_CELL = 12
"""Cells with fewer pixels across have no room for lines, let alone for a label."""


@dataclass(frozen=True)
class _Label:
    name: str
    count: float
    colour: str


def draw_cells(
    photo: Image.Image,
    cells: NDArray[np.floating],
    categories: Sequence[str],
    things: Sequence[str],
    *,
    least: float = 0.05,
) -> Image.Image:
    """The photo under its grid; beside or beneath it each cell's largest raw counts; then a bar of words.

    Nothing is written over the photo.

    Args:
        photo: RGB, of any size; the drawing is about as large as a screen shows.
        cells: g²×K raw counts, row by row.
        categories: K names.
        things: what is in the photo, in words: "2 dogs", "maybe 1 car".
        least: the smallest count that a cell mentions.

    Raises:
        DataError: the cells form no square grid.
    """
    drawn = resized(photo, SMALLEST, LARGEST)
    labels = [_cell_labels(counts, categories, least) for counts in cells]
    counts = Image.new("RGB", drawn.size, _PANEL)
    _draw_grid(drawn, [[] for _ in labels], lines_per_cell=8)
    _draw_grid(counts, labels, lines_per_cell=8)
    return above_bar(_together(drawn, counts), things)


def _together(photo: Image.Image, counts: Image.Image) -> Image.Image:
    """Side by side if the photo is upright, else one above the other."""
    width, height = photo.size
    place = (width + _GAP, 0) if height > width else (0, height + _GAP)
    canvas = Image.new("RGB", (place[0] + width, place[1] + height), _BAR)
    canvas.paste(photo, (0, 0))
    canvas.paste(counts, place)
    return canvas


def draw_evidence(
    photo: Image.Image, boxes: NDArray[np.float64], cells: NDArray[np.floating] | None = None
) -> Image.Image:
    """A thumbnail with ``boxes`` (n×4, pixels of ``photo``) and, if given, one category's g² raw counts."""
    drawn = resized(photo, 1, THUMBNAIL)
    pen = ImageDraw.Draw(drawn, "RGBA")
    for box in boxes * np.tile(np.divide(drawn.size, photo.size), 2):
        corners = [int(edge) for edge in box]
        pen.rectangle(corners, outline=(0, 0, 0, 150), width=3)
        pen.rectangle(corners, outline="#F0E442")
    if cells is not None:
        labels = [[_Label("", count, "#FFFFFF")] if count >= 0.05 else [] for count in cells.tolist()]
        _draw_grid(drawn, labels, lines_per_cell=5)
    return drawn


def resized(photo: Image.Image, smallest: int, largest: int) -> Image.Image:
    """A copy of ``photo`` whose longer side lies between ``smallest`` and ``largest`` pixels."""
    longer = max(photo.size)
    scale = min(max(longer, smallest), largest) / longer
    if scale == 1:
        return photo.copy()
    width, height = (max(1, round(side * scale)) for side in photo.size)
    return photo.resize((width, height), Image.Resampling.LANCZOS)


def _cell_labels(counts: NDArray[np.floating], categories: Sequence[str], least: float) -> list[_Label]:
    largest = np.argsort(-counts, kind="stable")[:_LABELS_PER_CELL]
    return [_Label(categories[k], float(counts[k]), colour_of(int(k))) for k in largest if counts[k] >= least]


def _draw_grid(drawn: Image.Image, labels: Sequence[Sequence[_Label]], lines_per_cell: int) -> None:
    """Lines between the cells, and each cell's labels in its upper left corner, as many as fit."""
    side = math.isqrt(len(labels))
    if side**2 != len(labels):
        raise DataError(f"{len(labels)} cells form no square grid, so they cannot be drawn")
    width, height = drawn.width / side, drawn.height / side
    if min(width, height) < _LEAST_CELL:
        return
    pen = ImageDraw.Draw(drawn, "RGBA")
    for step in range(1, side):
        for line in (
            (step * width, 0, step * width, drawn.height),
            (0, step * height, drawn.width, step * height),
        ):
            pen.line(line, fill=(0, 0, 0, 90), width=3)
            pen.line(line, fill=(255, 255, 255, 190), width=1)
    size = min(max(min(width, height * 1.4) / (1.4 * lines_per_cell), _SMALLEST_FONT), 26)
    for cell, of_cell in enumerate(labels):
        corner = (cell % side * width, cell // side * height)
        _draw_labels(pen, corner, (width, height), of_cell, size)


def _draw_labels(
    pen: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    room: tuple[float, float],
    labels: Iterable[_Label],
    size: float,
) -> None:
    font = load_font(size)
    margin, padding, line = round(size / 4), round(size / 3), round(size * 1.35)
    x, y = corner[0] + margin, corner[1] + margin
    for label in labels:
        number = f"{label.count:.1f}"
        left = room[0] - 2 * (margin + padding) - font.getlength(" " + number)
        text = f"{_shortened(label.name, font, left)} {number}".strip()
        if y + line > corner[1] + room[1] or left < 0:
            return
        backing = (x, y, x + font.getlength(text) + 2 * padding, y + line - 1)
        pen.rounded_rectangle(backing, radius=padding, fill=_BACKING)
        pen.text((x + padding, y + line / 2), text, fill=label.colour, font=font, anchor="lm")
        y += line + 1


def above_bar(
    drawn: Image.Image, things: Sequence[str], colours: Sequence[str | None] | None = None
) -> Image.Image:
    """A picture above a bar of words, each with a dot of its colour where ``colours`` has one."""
    width = max(drawn.width, _NARROWEST_BAR)
    size = min(max(width // 36, 15), 30)
    font, line, margin = load_font(size), round(size * 1.4), round(size * 0.6)
    parts = list(zip(things, colours or [None] * len(things), strict=True))
    lines = _wrapped(parts, font, width - 2 * margin) or [[("nothing counted", None)]]
    canvas = Image.new("RGB", (width, drawn.height + line * len(lines) + margin), _BAR)
    canvas.paste(drawn, ((width - drawn.width) // 2, 0))
    pen = ImageDraw.Draw(canvas)
    for row, in_line in enumerate(lines):
        x, middle = float(margin), drawn.height + margin / 2 + line * (row + 0.5)
        for text, colour in in_line:
            if colour:
                draw_dot(pen, (x + size / 2.6, middle), size / 2.6, colour)
                x += 1.2 * size
            pen.text((x, middle), text, fill="white", font=font, anchor="lm")
            x += font.getlength(text) + 1.2 * size
    return canvas


def draw_dot(pen: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, colour: str) -> None:
    """A dot with a white and a dark ring, to be seen on any ground."""
    x, y = centre
    for grown, fill in ((radius + 2, "black"), (radius + 1, "white"), (radius - 1, colour)):
        pen.ellipse((x - grown, y - grown, x + grown, y + grown), fill=fill)


def colour_of(index: int) -> str:
    """The colour of the category at ``index``."""
    return _COLOURS[index % len(_COLOURS)]


def _wrapped(
    parts: Sequence[tuple[str, str | None]], font: Font, width: float
) -> list[list[tuple[str, str | None]]]:
    """Words with their colours in lines of at most ``width`` pixels."""
    lines: list[list[tuple[str, str | None]]] = []
    gap, left = 1.2 * font.getlength("M"), 0.0
    for text, colour in parts:
        dot = 2 * gap if colour else 0.0
        said = _shortened(text, font, width - dot)
        taken = font.getlength(said) + dot
        if lines and taken <= left:
            lines[-1].append((said, colour))
        else:
            lines.append([(said, colour)])
            left = width
        left -= taken + 2 * gap
    return lines


def _shortened(name: str, font: Font, width: float) -> str:
    """``name`` on one line, cut to ``width`` pixels."""
    whole = " ".join(name.split())[:200]
    if font.getlength(whole) <= width:
        return whole
    cuts = (whole[:length].rstrip() + "…" for length in range(len(whole) - 1, 0, -1))
    return next((cut for cut in cuts if font.getlength(cut) <= width), "")
