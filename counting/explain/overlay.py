"""Maps laid over their photo, and side by side with the counts of its cells."""

import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from counting.explain.photos import Explanation, Map
from counting.utils.drawing import LARGEST, SMALLEST, THUMBNAIL, draw_evidence, resized

_LEVELS = (0.0, 0.5, 1.0)
_FOR = ((120, 30, 20), (238, 119, 51), (255, 240, 140))
_AGAINST = ((20, 40, 110), (51, 140, 220), (190, 240, 255))
"""Colours of evidence for a count, and against it, at ``_LEVELS``: told apart by the colour-blind."""

_STRONGEST = 0.8
"""How far the strongest evidence covers the photo."""

_DIMMED = 0.45
_BAR = (18, 20, 26)
_GAP = 8


def overlay(photo: Image.Image, values: Map, *, against: bool = False) -> Image.Image:
    """The photo, dimmed where ``values`` (height × width, 0–1) is low, and glowing where it is high.

    About as large as a screen shows.
    """
    return _overlay(resized(photo, SMALLEST, LARGEST), values, against=against)


def figure(photo: Image.Image, explained: Explanation, *, counterfactual: bool = False) -> Image.Image:
    """Side by side: the photo with its cells' counts, the map, and, where asked for, what speaks against.

    Guided Grad-CAM joins them where the explanation has it. An empty map says why.
    """
    panels = [
        (draw_evidence(photo, np.zeros((0, 4)), explained.cells), explained.said),
        (_panel(photo, explained.map, explained.why_empty), "what speaks for it"),
    ]
    if counterfactual:
        against = _panel(photo, explained.against, explained.why_nothing_against, against=True)
        panels.append((against, "what speaks against it"))
    if explained.guided is not None:
        shown = resized(relief(explained.guided), 1, THUMBNAIL)
        panels.append((shown, "in detail"))
    return _side_by_side(panels)


def relief(guided: Map) -> Image.Image:
    """Guided Grad-CAM, height × width × 3 within −1 and 1, as a picture: grey where there is nothing."""
    strong = float(np.quantile(np.abs(guided), 0.998)) or 1.0
    return Image.fromarray(((np.clip(guided / strong, -1, 1) + 1) * 127.5).astype(np.uint8))


def _panel(photo: Image.Image, values: Map, why_empty: str | None, *, against: bool = False) -> Image.Image:
    panel = _overlay(resized(photo, 1, THUMBNAIL), values, against=against)
    if why_empty:
        _write_over(panel, why_empty)
    return panel


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


def _write_over(panel: Image.Image, text: str) -> None:
    size = min(max(panel.width // 24, 10), 20)
    font = ImageFont.load_default(size)
    lines = textwrap.wrap(text, width=max(round(1.6 * panel.width / size), 8))
    pen = ImageDraw.Draw(panel, "RGBA")
    line = round(size * 1.4)
    top = (panel.height - line * len(lines)) / 2
    pen.rectangle((0, top - size, panel.width, panel.height - top + size), fill=(12, 14, 18, 200))
    for row, words in enumerate(lines):
        middle = top + line * (row + 0.5)
        pen.text((panel.width / 2, middle), words, fill="white", font=font, anchor="mm")


def _side_by_side(panels: Sequence[tuple[Image.Image, str]]) -> Image.Image:
    """Each panel above its title."""
    font = ImageFont.load_default(18)
    widths = [max(panel.width, 200) for panel, _ in panels]
    height = max(panel.height for panel, _ in panels)
    canvas = Image.new("RGB", (sum(widths) + _GAP * (len(panels) - 1), height + 34), _BAR)
    pen = ImageDraw.Draw(canvas)
    left = 0
    for (panel, title), width in zip(panels, widths, strict=True):
        canvas.paste(panel, (left + (width - panel.width) // 2, 0))
        pen.text((left + _GAP, height + 17), title, fill="white", font=font, anchor="lm")
        left += width + _GAP
    return canvas
