"""Draw cells, counts and captions on a photo."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from counting.utils.fonts import Font, load_font
from counting_datasets.errors import DataError

SMALLEST, LARGEST = 640, 1280
"""Minimum and maximum length in pixels of a drawing's longer side."""

THUMBNAIL = 480
"""Maximum length in pixels of a thumbnail's longer side."""

_COLOURS = ("#99DDFF", "#FFAABB", "#EEDD88", "#44BB99", "#EE8866", "#BBCC33", "#77AADD", "#DDDDDD")
"""Paul Tol's "light" colour scheme, which is colour-blind safe and legible on a dark background."""

_LABEL_BACKGROUND = (12, 14, 18, 200)
_CAPTION_BACKGROUND = (18, 20, 26)
_PANEL_BACKGROUND = (30, 33, 41)
_GAP = 6
_LABELS_PER_CELL = 3
_SMALLEST_FONT = 14
"""Minimum font size in pixels at which a decimal point is easy to see."""

_MIN_CAPTION_WIDTH = 320
_MIN_CELL = 12
"""Minimum side of a cell in pixels for drawing the grid."""


@dataclass(frozen=True)
class _Label:
    name: str
    count: float
    colour: str


def draw_cells(
    photo: Image.Image,
    cells: NDArray[np.floating],
    categories: Sequence[str],
    captions: Sequence[str],
    *,
    least: float = 0.05,
) -> Image.Image:
    """The photo with its grid, a panel beside or below it with each cell's largest raw counts, and a caption.

    Args:
        photo: RGB, of any size; the drawing is resized to fit a screen.
        cells: g²×K raw counts, row by row.
        categories: K names.
        captions: the counts in words: "2 dogs", "maybe 1 car".
        least: the smallest count to show in a cell.

    Raises:
        DataError: the cells do not form a square grid.
    """
    drawn = resized(photo, SMALLEST, LARGEST)
    labels = [_cell_labels(counts, categories, least) for counts in cells]
    panel = Image.new("RGB", drawn.size, _PANEL_BACKGROUND)
    _draw_grid(drawn, [[] for _ in labels], lines_per_cell=8)
    _draw_grid(panel, labels, lines_per_cell=8)
    return with_caption(_joined(drawn, panel), captions)


def _joined(photo: Image.Image, panel: Image.Image) -> Image.Image:
    """Photo and panel side by side if the photo is in portrait format, else one above the other."""
    width, height = photo.size
    x, y = (width + _GAP, 0) if height > width else (0, height + _GAP)
    canvas = Image.new("RGB", (x + width, y + height), _CAPTION_BACKGROUND)
    canvas.paste(photo, (0, 0))
    canvas.paste(panel, (x, y))
    return canvas


def draw_evidence(
    photo: Image.Image, boxes: NDArray[np.float64], cells: NDArray[np.floating] | None = None
) -> Image.Image:
    """A thumbnail with ``boxes`` (n×4, in pixels of ``photo``) and one category's g² raw counts, if given."""
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
    """A copy of ``photo`` whose longer side is between ``smallest`` and ``largest`` pixels."""
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
    """Draw lines between the cells, and in the upper left corner of each as many of its labels as fit."""
    side = math.isqrt(len(labels))
    if side**2 != len(labels):
        raise DataError(f"cannot draw {len(labels)} cells: they should form a square grid, such as 3×3")
    width, height = drawn.width / side, drawn.height / side
    if min(width, height) < _MIN_CELL:
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
    for cell, cell_labels in enumerate(labels):
        corner = (cell % side * width, cell // side * height)
        _draw_labels(pen, corner, (width, height), cell_labels, size)


def _draw_labels(
    pen: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    cell: tuple[float, float],
    labels: Iterable[_Label],
    size: float,
) -> None:
    """Draw labels at ``corner`` of a cell of width and height ``cell``, in a font of ``size`` pixels."""
    font = load_font(size)
    margin, padding, line = round(size / 4), round(size / 3), round(size * 1.35)
    x, y = corner[0] + margin, corner[1] + margin
    for label in labels:
        number = f"{label.count:.1f}"
        name_width = cell[0] - 2 * (margin + padding) - font.getlength(" " + number)
        text = f"{_shortened(label.name, font, name_width)} {number}".strip()
        if y + line > corner[1] + cell[1] or name_width < 0:
            return
        background = (x, y, x + font.getlength(text) + 2 * padding, y + line - 1)
        pen.rounded_rectangle(background, radius=padding, fill=_LABEL_BACKGROUND)
        pen.text((x + padding, y + line / 2), text, fill=label.colour, font=font, anchor="lm")
        y += line + 1


def with_caption(
    drawn: Image.Image, captions: Sequence[str], colours: Sequence[str | None] | None = None
) -> Image.Image:
    """A picture with ``captions`` below it, each with a dot of its colour if ``colours`` has one."""
    width = max(drawn.width, _MIN_CAPTION_WIDTH)
    size = min(max(width // 36, 15), 30)
    font, line, margin = load_font(size), round(size * 1.4), round(size * 0.6)
    parts = list(zip(captions, colours or [None] * len(captions), strict=True))
    lines = _wrapped(parts, font, width - 2 * margin) or [[("nothing counted", None)]]
    canvas = Image.new("RGB", (width, drawn.height + line * len(lines) + margin), _CAPTION_BACKGROUND)
    canvas.paste(drawn, ((width - drawn.width) // 2, 0))
    pen = ImageDraw.Draw(canvas)
    for row, line_parts in enumerate(lines):
        x, middle = float(margin), drawn.height + margin / 2 + line * (row + 0.5)
        for text, colour in line_parts:
            if colour:
                draw_dot(pen, (x + size / 2.6, middle), size / 2.6, colour)
                x += 1.2 * size
            pen.text((x, middle), text, fill="white", font=font, anchor="lm")
            x += font.getlength(text) + 1.2 * size
    return canvas


def draw_dot(pen: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, colour: str) -> None:
    """Draw a dot with a white and a black ring, visible on any background."""
    x, y = centre
    for r, fill in ((radius + 2, "black"), (radius + 1, "white"), (radius - 1, colour)):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)


def colour_of(index: int) -> str:
    """The colour of the category at ``index``."""
    return _COLOURS[index % len(_COLOURS)]


def _wrapped(
    parts: Sequence[tuple[str, str | None]], font: Font, width: float
) -> list[list[tuple[str, str | None]]]:
    """Break captions with their colours into lines of at most ``width`` pixels."""
    lines: list[list[tuple[str, str | None]]] = []
    gap, left = 1.2 * font.getlength("M"), 0.0
    for text, colour in parts:
        dot = 2 * gap if colour else 0.0
        shortened = _shortened(text, font, width - dot)
        needed = font.getlength(shortened) + dot
        if lines and needed <= left:
            lines[-1].append((shortened, colour))
        else:
            lines.append([(shortened, colour)])
            left = width
        left -= needed + 2 * gap
    return lines


def _shortened(name: str, font: Font, width: float) -> str:
    """``name`` on one line, cut to ``width`` pixels."""
    whole = " ".join(name.split())[:200]
    if font.getlength(whole) <= width:
        return whole
    cuts = (whole[:length].rstrip() + "…" for length in range(len(whole) - 1, 0, -1))
    return next((cut for cut in cuts if font.getlength(cut) <= width), "")
