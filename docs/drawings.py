"""Draw the figures of docs/concepts as SVG: ``python docs/drawings.py``."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyArrowPatch, FancyBboxPatch, Rectangle

from counting.inputs.grid import Grid

FOLDER = Path(__file__).parent / "figures" / "concepts"
INK, PALE, BLUE, ORANGE, GREEN = "#263238", "#cfd8dc", "#1976d2", "#e65100", "#2e7d32"
WIDTH, HEIGHT = 300, 300
DOGS = np.array([[30.0, 70.0, 130.0, 170.0], [160.0, 130.0, 280.0, 250.0]])
"""Boxes of two objects in a photo of ``WIDTH`` × ``HEIGHT`` pixels."""
SHARES = Grid(3).fractional_counts(DOGS, np.zeros(2, dtype=np.int64), (WIDTH, HEIGHT), 1)[:, 0]
"""The fractional counts of the two objects in 3×3 cells."""


def canvas(width: float, height: float, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure of ``width`` × ``height`` inches with empty axes side by side."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = [figure.add_subplot(1, columns, i + 1) for i in range(columns)]
    for axis in axes:
        axis.set_axis_off()
    return figure, axes


def photo(axis: Axes, title: str) -> None:
    """The outline of a photo, its top left corner at (0, 0)."""
    axis.set(xlim=(-4, WIDTH + 4), ylim=(HEIGHT + 4, -4), aspect="equal", title=title)
    axis.add_patch(Rectangle((0, 0), WIDTH, HEIGHT, facecolor="#f5f7f8", edgecolor=INK, linewidth=1.5))


def cell_lines(axis: Axes, side: int = 3) -> None:
    for i in range(1, side):
        axis.plot([0, WIDTH], [i * HEIGHT / side] * 2, color=INK, linewidth=0.8)
        axis.plot([i * WIDTH / side] * 2, [0, HEIGHT], color=INK, linewidth=0.8)


def thing(axis: Axes, box: np.ndarray, color: str = ORANGE, style: str = "-") -> None:
    """An object, as an ellipse in its box."""
    x0, y0, x1, y1 = box
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    axis.add_patch(Ellipse(middle, x1 - x0, y1 - y0, facecolor=color, alpha=0.3, edgecolor="none"))
    axis.add_patch(
        Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=color, linewidth=2, linestyle=style)
    )


def arrow(
    axis: Axes, start: tuple[float, float], end: tuple[float, float], color: str = INK, bend: float = 0
) -> None:
    shape = f"arc3,rad={bend}"
    axis.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", connectionstyle=shape, mutation_scale=12, color=color, linewidth=1.4
        )
    )


def label(axis: Axes, x: float, y: float, text: str, width: float, height: float, color: str = PALE) -> None:
    """Text in a box with round corners, centred at (x, y)."""
    corner = (x - width / 2, y - height / 2)
    axis.add_patch(
        FancyBboxPatch(
            corner, width, height, boxstyle="round,pad=0,rounding_size=0.12", facecolor=color, edgecolor=INK
        )
    )
    axis.text(x, y, text, ha="center", va="center", color=INK, fontsize=9.5)


def overview() -> Figure:
    figure, (axis,) = canvas(8.4, 3.1)
    axis.set(xlim=(0, 13.2), ylim=(0, 4.8))
    for x, text in (
        (1.1, "photo"),
        (3.7, "backbone:\nfeatures"),
        (6.3, "head:\ncounts per cell"),
        (9.0, "calibration:\ndistribution"),
    ):
        label(axis, x, 3.9, text, 2.0, 1.1)
    for x in (2.1, 4.7, 7.3):
        arrow(axis, (x, 3.9), (x + (0.7 if x > 7 else 0.6), 3.9))
    uses = (
        (1.3, "count and cells"),
        (4.0, "evidence\n(Grad-CAM)"),
        (6.7, "answer to\n“how many …?”"),
        (9.3, "boxes of a detector,\nfiltered"),
        (11.9, "questions\nto ask"),
    )
    for x, text in uses:
        label(axis, x, 0.8, text, 2.35, 1.1, "#ffe0b2")
    for x, origin in ((1.3, 6.0), (4.0, 6.3), (6.7, 9.0), (9.3, 9.0), (11.9, 9.2)):
        arrow(axis, (origin, 3.35), (x, 1.4), ORANGE)
    return figure


def cells() -> Figure:
    figure, (left, right) = canvas(7.4, 4.3, 2)
    titles = ("two dogs and their boxes", "how much of them is in each cell")
    for axis, title, color in zip((left, right), titles, (ORANGE, PALE), strict=True):
        photo(axis, title)
        for box in DOGS:
            thing(axis, box, color)
        cell_lines(axis)
    for i, share in enumerate(SHARES):
        x, y = (i % 3 + 0.5) * WIDTH / 3, (i // 3 + 0.5) * HEIGHT / 3
        right.text(x, y, f"{share:.2f}", ha="center", va="center", fontsize=13, color=INK if share else "#90a4ae")
    right.set_ylim(HEIGHT + 40, -4)
    left.set_ylim(HEIGHT + 40, -4)
    right.text(WIDTH / 2, HEIGHT + 26, f"sum of the cells: {SHARES.sum():.0f}", ha="center", fontsize=12)
    return figure


def context() -> Figure:
    figure, axes = canvas(8.4, 3.2, 3)
    titles = ("glance: the photo at once", "aso-sub: each cell by itself", "seq-sub: along rows and columns")
    for axis, title in zip(axes, titles, strict=True):
        photo(axis, title)
        axis.title.set_fontsize(10.5)
        for box in DOGS:
            thing(axis, box, PALE)
    for axis in axes[1:]:
        cell_lines(axis)
    axes[0].text(WIDTH / 2, HEIGHT / 2, "2", ha="center", va="center", fontsize=26, color=BLUE)
    for i, share in enumerate(SHARES):
        axes[1].text(
            (i % 3 + 0.5) * 100, (i // 3 + 0.5) * 100, f"{share:.1f}", ha="center", va="center", color=BLUE
        )
    middle = (50.0, 150.0, 250.0)
    rows = [(x, y - 10) for i, y in enumerate(middle) for x in (middle if i % 2 == 0 else middle[::-1])]
    columns = [(x + 10, y) for i, x in enumerate(middle) for y in (middle if i % 2 == 0 else middle[::-1])]
    for path, color in ((rows, BLUE), (columns, GREEN)):
        for start, end in pairwise(path):
            arrow(axes[2], start, end, color)
    return figure


def intervals() -> Figure:
    probability = np.array([0.04, 0.13, 0.27, 0.24, 0.15, 0.09, 0.05, 0.03])
    low, high = 1, 5
    figure = Figure(figsize=(6.6, 3.2), layout="constrained")
    axis = figure.add_subplot()
    colors = [BLUE if low <= count <= high else PALE for count in range(len(probability))]
    bars = axis.bar(range(len(probability)), probability, color=colors, width=0.8)
    bars[2].set_edgecolor(ORANGE)
    bars[2].set_linewidth(3)
    axis.annotate("best guess", (2, 0.272), (2, 0.312), ha="center", color=ORANGE)
    axis.annotate("80 % interval: 1–5", (3.9, 0.20), color=BLUE)
    axis.text(-0.4, 0.2, "none: 4 %, so\nat least one: 96 %", fontsize=9.5, va="bottom")
    axis.set(
        xlabel="number of people",
        ylabel="probability",
        ylim=(0, 0.34),
        xticks=range(len(probability)),
        xticklabels=[*map(str, range(7)), "7 or more"],
    )
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def metrics() -> Figure:
    figure = Figure(figsize=(7.6, 3.1), layout="constrained")
    axis = figure.add_subplot()
    true = np.arange(0, 21)
    for error, color in ((1, BLUE), (3, ORANGE)):
        axis.plot(true, np.full(true.shape, error**2), color=color, linestyle="--", label=f"RMSE, error {error}")
        axis.plot(
            true, error**2 / (true + 1), color=color, marker="o", markersize=3, label=f"relRMSE, error {error}"
        )
    axis.set(xlabel="true count", ylabel="squared error, as it is averaged", yscale="log", xticks=range(0, 21, 5))
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, fontsize=10, loc="outside right center")
    return figure


def protocols() -> Figure:
    figure, (axis,) = canvas(7.6, 3.2)
    axis.set(xlim=(-8, 760), ylim=(HEIGHT + 4, -4), aspect="equal")
    axis.add_patch(Rectangle((0, 0), 400, HEIGHT, facecolor="#f5f7f8", edgecolor=INK, linewidth=1.5))
    for x in (25.0, 105.0):
        thing(axis, np.array([x, 110, x + 65, 270]), BLUE)
    thing(axis, np.array([188.0, 175, 208, 205]), ORANGE, "--")
    thing(axis, np.array([230.0, 30, 385, 120]), GREEN, ":")
    for x in np.linspace(245, 370, 8):
        axis.add_patch(Ellipse((x, 75), 16, 55, facecolor=GREEN, alpha=0.4))
    axis.text(25, 95, "people", color=BLUE)
    axis.text(188, 165, "difficult", color=ORANGE)
    axis.text(230, 140, "crowd", color=GREEN)
    for i, (name, count) in enumerate(
        (("all", 4), ("non-difficult", 3), ("no-crowd", 3), ("non-difficult+no-crowd", 2))
    ):
        axis.text(430, 75 + 50 * i, name, fontsize=11, family="monospace")
        axis.text(740, 75 + 50 * i, str(count), fontsize=12, ha="right")
    axis.text(430, 30, "protocol", color="#607d8b")
    axis.text(740, 30, "people", color="#607d8b", ha="right")
    return figure


def grad_cam() -> Figure:
    figure = Figure(figsize=(8.4, 2.5), layout="constrained")
    y, x = np.mgrid[0:12, 0:12]
    spots = [
        np.exp(-((x - a) ** 2 + (y - b) ** 2) / spread) for a, b, spread in ((3, 4, 6), (8, 8, 8), (10, 1, 4))
    ]
    weights = (0.9, 0.7, -0.5)
    total = np.maximum(sum(w * spot for w, spot in zip(weights, spots, strict=True)), 0)
    panels = [*spots, total]
    titles = [f"channel {i + 1}\nα = {w:+.1f}".replace("-", "−") for i, w in enumerate(weights)] + [
        "map: the positive part\nof the weighted sum"
    ]
    for i, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        axis = figure.add_subplot(1, 4, i + 1)
        axis.imshow(panel, cmap="Greys" if i < 3 else "inferno", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
        axis.set_title(title, fontsize=10, color=INK)
    return figure


def beam_search() -> Figure:
    figure, (axis,) = canvas(8.0, 3.0)
    axis.set(xlim=(-1.6, 9.2), ylim=(-0.3, 3.8))
    groups = (("dogs", "are", "there"), ("people", "are", "standing"), ("dogs", "can", "you see"))
    for row, words in enumerate(groups):
        y = 3.2 - 1.35 * row
        axis.text(-1.5, y, f"group {row + 1}", va="center", color="#607d8b")
        label(axis, 0.6, y, "How many", 1.5, 0.6)
        for step, word in enumerate(words):
            x = 2.9 + 2.2 * step
            seen = any(word == other[step] for other in groups[:row])
            label(axis, x, y, word, 1.7, 0.6, "#ffccbc" if seen else "#c8e6c9")
            arrow(axis, (x - (1.55 if step == 0 else 1.35), y), (x - 0.85, y))
    arrow(axis, (5.1, 2.88), (5.1, 2.17), ORANGE)
    axis.text(5.25, 2.52, "“are” costs λ here", color=ORANGE, va="center", fontsize=9.5)
    arrow(axis, (2.2, 2.88), (2.2, 0.83), ORANGE, bend=0.25)
    axis.text(2.5, 1.15, "“dogs” costs λ here", color=ORANGE, va="center", fontsize=9.5)
    return figure


DRAWINGS: dict[str, Callable[[], Figure]] = {
    drawing.__name__: drawing
    for drawing in (overview, cells, context, intervals, metrics, protocols, grad_cam, beam_search)
}


def main() -> None:
    mpl.rcParams.update(
        {"svg.fonttype": "none", "svg.hashsalt": "counting", "font.size": 11, "font.family": "sans-serif"}
    )
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWINGS.items():
        figure = draw()
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out; a second layout with a tight box would cut off the titles
        figure.savefig(FOLDER / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight", pad_inches=0.12)


if __name__ == "__main__":
    main()
