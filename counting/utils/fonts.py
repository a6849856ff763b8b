"""The font for drawings: DejaVu Sans from matplotlib, as Pillow's own font lacks most accented letters."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


@cache
def load_font(size: float) -> Font:
    """The font at ``size`` pixels; Pillow's own if matplotlib is not installed."""
    package = find_spec("matplotlib")
    folder = Path(package.origin or "").parent if package else Path()
    try:
        return ImageFont.truetype(folder / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)
