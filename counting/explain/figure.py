"""Pictures of maps: laid over the photo, and side by side with captions beneath."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from counting.utils.drawing import LARGEST, SMALLEST, THUMBNAIL, resized
from counting.utils.fonts import load_font

Map = NDArray[np.float32]

_LEVELS = (0.0, 0.5, 1.0)
_FOR = ((120, 30, 20), (238, 119, 51), (255, 240, 140))
_AGAINST = ((20, 40, 110), (51, 140, 220), (190, 240, 255))
"""Colours of evidence for and against a score at ``_LEVELS``; safe for the colour-blind."""

_STRONGEST = 0.8
"""Opacity of the strongest evidence."""

_DIMMED = 0.45
_BAR = (18, 20, 26)
_GAP = 8
_MARGIN = 10
_FONT, _SMALL = 18, 15
_NARROWEST = 240
_MAX_GRID = 8
"""Largest side of a grid whose counts are written beneath the photo."""

_DETAIL_BLUR = 0.006
"""Standard deviation of the blur of Guided Grad-CAM's strength, as a share of the picture's longer side."""


@dataclass(frozen=True)
class Panel:
    """A picture and the text beneath it.

    Attributes:
        caption, note: wrapped to the picture's width; the note is smaller.
        table: rows of equally wide columns under the caption.
    """

    picture: Image.Image
    caption: str
    note: str | None = None
    table: Sequence[Sequence[str]] = ()


def overlay(photo: Image.Image, values: Map, *, against: bool = False) -> Image.Image:
    """The photo, dimmed where ``values`` (height × width, 0–1) is low and glowing where it is high.

    It is resized to the size of a screen.
    """
    return _overlay(resized(photo, SMALLEST, LARGEST), values, against=against)


def thumbnail(photo: Image.Image, values: Map, *, against: bool = False) -> Image.Image:
    """``overlay`` at the size of a panel."""
    return _overlay(resized(photo, 1, THUMBNAIL), values, against=against)


def counted_cells(photo: Image.Image, cells: Map | None, caption: str) -> Panel:
    """The photo with the lines of its grid, and the g² counts of the cells as a table beneath."""
    picture = resized(photo, 1, THUMBNAIL)
    if cells is None:
        return Panel(picture, caption)
    side = math.isqrt(len(cells))
    if side < 2 or side > _MAX_GRID:
        return Panel(picture, caption)
    pen = ImageDraw.Draw(picture, "RGBA")
    for step in range(1, side):
        x, y = (round(step * length / side) for length in picture.size)
        for line in ((x, 0, x, picture.height), (0, y, picture.width, y)):
            pen.line(line, fill=(0, 0, 0, 90), width=3)
            pen.line(line, fill=(255, 255, 255, 190), width=1)
    table = [[f"{count:.1f}" for count in row] for row in cells.reshape(side, side).tolist()]
    return Panel(picture, caption, "count of each cell:", table)


def details(photo: Image.Image, guided: Map) -> Image.Image:
    """The photo lit only where Guided Grad-CAM (height × width × 3, −1–1) is strong."""
    shown = resized(photo, 1, THUMBNAIL)
    strength = np.asarray(Image.fromarray(np.abs(guided).max(axis=2)).resize(shown.size, Image.Resampling.BOX))
    smooth = gaussian_filter(strength.astype(np.float64), _DETAIL_BLUR * max(shown.size))
    strong = float(np.quantile(smooth, 0.99))
    lit = np.sqrt(np.clip(smooth / strong, 0, 1))[:, :, None] if strong > 0 else np.zeros((*smooth.shape, 1))
    pixels = np.asarray(shown, dtype=np.float64)
    return Image.fromarray((pixels * (0.12 + 0.88 * lit)).astype(np.uint8))


def side_by_side(panels: Sequence[Panel]) -> Image.Image:
    """The panels in a row, each above its caption, note and table."""
    widths = [max(panel.picture.width, _NARROWEST) for panel in panels]
    height = max(panel.picture.height for panel in panels)
    texts = [_lines(panel, width) for panel, width in zip(panels, widths, strict=True)]
    bar = max(
        sum(round(1.4 * size) for _, size in lines) + _table_height(panel)
        for panel, lines in zip(panels, texts, strict=True)
    )
    canvas = Image.new("RGB", (sum(widths) + _GAP * (len(panels) - 1), height + bar + 2 * _MARGIN), _BAR)
    pen = ImageDraw.Draw(canvas)
    left = 0
    for panel, width, lines in zip(panels, widths, texts, strict=True):
        inset = (width - panel.picture.width) // 2
        canvas.paste(panel.picture, (left + inset, 0))
        y = height + _MARGIN
        for words, size in lines:
            pen.text((left + _MARGIN, y), words, fill="white", font=load_font(size))
            y += round(1.4 * size)
        _write_table(pen, panel, (left + inset, y))
        left += width + _GAP
    return canvas


def _lines(panel: Panel, width: int) -> list[tuple[str, int]]:
    """The wrapped lines of text and their font sizes."""
    lines = []
    for text, size in ((panel.caption, _FONT), (panel.note or "", _SMALL)):
        font = load_font(size)
        letters = max(int((width - 2 * _MARGIN) / font.getlength("n")), 1)
        for line in textwrap.wrap(text, letters):
            while font.getlength(line) > width - 2 * _MARGIN and len(line) > 1:
                line = line[:-2].rstrip() + "…"
            lines.append((line, size))
    return lines


def _table_height(panel: Panel) -> int:
    return round(1.4 * _SMALL) * len(panel.table)


def _write_table(pen: ImageDraw.ImageDraw, panel: Panel, corner: tuple[int, int]) -> None:
    for row, entries in enumerate(panel.table):
        step = panel.picture.width / len(entries)
        size = min(_SMALL, max(round(step / 2.5), 6))
        for column, entry in enumerate(entries):
            place = (corner[0] + (column + 0.5) * step, corner[1] + (row + 0.5) * round(1.4 * _SMALL))
            pen.text(place, entry, fill="white", font=load_font(size), anchor="mm")


def _overlay(shown: Image.Image, values: Map, *, against: bool) -> Image.Image:
    heat = np.asarray(Image.fromarray(values).resize(shown.size, Image.Resampling.BILINEAR))[:, :, None]
    heat = np.clip(heat, 0, 1)
    colours = zip(*(_AGAINST if against else _FOR), strict=True)
    channels = [np.interp(heat[:, :, 0], _LEVELS, channel) for channel in colours]
    glow = np.stack(channels, axis=2)
    cover = _STRONGEST * np.sqrt(heat)
    pixels = np.asarray(shown, dtype=np.float64)
    grey = pixels.mean(axis=2, keepdims=True) * (1 - _DIMMED)
    blended = (1 - cover) * (heat * pixels + (1 - heat) * grey) + cover * glow
    return Image.fromarray(blended.astype(np.uint8))
