"""The report's plots: functions from scores and a theme to a matplotlib figure, without global state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from counting.evaluation.breakdown import ErrorGroup
from counting.stats.metrics import Floats, round_half_up
from counting.utils.files import atomic_write

_WIDTH = 9.0
_DPI = 160
MAX_BARS = 40
"""Largest number of groups in a bar plot."""

_LAST_COUNT = 10
"""Count from which the heat map's last row and column hold all counts."""


@dataclass(frozen=True)
class Theme:
    """Colours of a page; blue and orange are Okabe and Ito's, safe for the colour-blind."""

    surface: str
    ink: str
    muted: str
    line: str
    band: str
    blue: str
    orange: str
    deep: str
    """Colour of the heat map's largest value; the smallest has the surface's."""
    on_deep: str


LIGHT = Theme("#ffffff", "#1d232b", "#5b6673", "#dde2e8", "#eef3f8", "#0072b2", "#d55e00", "#084f86", "#ffffff")
DARK = Theme("#1a1e25", "#e8ebef", "#a3adb9", "#343b46", "#242b36", "#56b4e9", "#e69f00", "#8fd0ff", "#0d1117")


def save(figure: Figure, path: Path) -> None:
    """Write a PNG atomically."""
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=_DPI)


def training_curve(history: Sequence[Mapping[str, float | None]], theme: Theme) -> Figure:
    """Loss and validation mRMSE by epoch, with the best epoch marked.

    ``history`` has ``epoch, loss, val_mRMSE`` per epoch; the score of an epoch that was not validated is None.
    """
    figure = _figure(3.2, theme)
    epochs, losses, scores = (
        np.array([epoch[key] for epoch in history], dtype=float) for key in ("epoch", "loss", "val_mRMSE")
    )
    left, right = (_axes(figure, position, theme) for position in (121, 122))
    for axes, values, colour, title in (
        (left, losses, theme.orange, "training loss"),
        (right, scores, theme.blue, "mRMSE on validation"),
    ):
        known = np.isfinite(values)
        marker = "o" if known.sum() < 3 else None
        axes.plot(epochs[known], values[known], color=colour, linewidth=1.8, marker=marker)
        _title(axes, title, theme)
        axes.set_xlabel("epoch")
        axes.grid(color=theme.line, linewidth=0.7)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if np.isfinite(scores).any():
        best = int(np.nanargmin(scores))
        right.plot(epochs[best], scores[best], "o", color=theme.ink, markersize=6)
        right.set_title(
            f"best {scores[best]:.3f}, epoch {epochs[best]:g}", loc="right", fontsize=10, color=theme.muted
        )
    return figure


@dataclass(frozen=True)
class Series:
    """The errors of one counter by group: one set of bars."""

    name: str
    groups: Sequence[ErrorGroup]


def error_bars(
    series: Sequence[Series],
    theme: Theme,
    axis: str,
    *,
    labels: Sequence[str] = (),
    band: tuple[range, str] | None = None,
) -> Figure:
    """RMSE and bias of each group as bars; only the first ``MAX_BARS`` groups if there are more.

    Args:
        series: one counter, or two to compare, on the same groups.
        theme: colours.
        axis: label of the axis of groups.
        labels: shown in place of the groups' names.
        band: shades a range of groups and names it.
    """
    names = [_one_line(name) for name in (labels or [group.name for group in series[0].groups])[:MAX_BARS]]
    rows = np.arange(len(names), dtype=np.float64)
    thickness = 0.66 / len(series)
    figure = _figure(1.45 + (0.22 + 0.14 * len(series)) * len(names), theme)
    left = _axes(figure, 121, theme)
    right = _axes(figure, 122, theme, sharey=left)
    for axes, name, form in ((left, "rmse", ".2f"), (right, "bias", "+.2f")):
        values = [np.array([getattr(group, name) for group in one.groups[: len(names)]]) for one in series]
        for place, (one, colour, of_one) in enumerate(
            zip(series, (theme.blue, theme.orange), values, strict=False)
        ):
            middle = rows + (place - (len(series) - 1) / 2) * thickness
            axes.barh(middle, of_one, height=thickness * 0.92, color=colour, zorder=2, label=_one_line(one.name))
            _print_values(axes, middle, of_one, form, theme)
        _make_room(axes, np.concatenate(values), theme)
    _shade(left, right, band, theme)
    left.set_yticks(rows, names)
    left.set_ylim(len(names) - 0.4, -0.6)
    left.set_ylabel(axis)
    right.tick_params(labelleft=False)
    right.axvline(0, color=theme.muted, linewidth=0.9, zorder=4)
    left.set_xlabel("RMSE of the count (objects)")
    right.set_xlabel("mean error, predicted − true (objects)")
    _plain(left.get_yticklabels(), theme)
    if len(series) > 1:
        legend = figure.legend(
            *left.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False
        )
        _plain(legend.get_texts(), theme)
    return figure


def predicted_against_true(predicted: Floats, true: Floats, theme: Theme) -> Figure:
    """A heat map of predicted counts by true count, each row as shares of its true count.

    Exact counts are framed. Both arrays are N×K. Predictions are rounded; pairs with an unknown (NaN) true count
    are left out.
    """
    known = ~np.isnan(true)
    whole = round_half_up(np.stack([predicted[known], true[known]]))
    most = int(min(max(whole.max(), 1), _LAST_COUNT))
    p, c = np.minimum(whole, most).astype(int).reshape(2, -1)
    pairs = np.bincount(c * (most + 1) + p, minlength=(most + 1) ** 2).reshape(most + 1, most + 1)
    shares = pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1)
    figure = _figure(1.2 + 0.42 * (most + 1), theme)
    axes = _axes(figure, 111, theme)
    colours = LinearSegmentedColormap.from_list("shares", [theme.surface, theme.blue, theme.deep])
    scale = PowerNorm(0.5, 0, 1)
    picture = axes.imshow(shares, cmap=colours, norm=scale, aspect="auto")
    _colour_bar(figure, picture, "share of the row", theme)
    for (row, column), number in np.ndenumerate(pairs):
        if number:
            colour = _legible(colours(scale(shares[row, column])), theme)
            axes.text(column, row, _compact(int(number)), ha="center", va="center", color=colour, fontsize=9)
    for exact in range(most + 1):
        right = Rectangle((exact - 0.5, exact - 0.5), 1, 1, fill=False, edgecolor=theme.muted, clip_on=False)
        axes.add_patch(right)
    names = [*(str(count) for count in range(most)), f"{most}+" if most == _LAST_COUNT else str(most)]
    axes.set_xticks(range(most + 1), names)
    axes.set_yticks(range(most + 1), names)
    axes.set_xlabel("predicted count")
    axes.set_ylabel("true count")
    return figure


def reliability(presence: Floats, occurs: NDArray[np.bool_], transforms: Floats, theme: Theme) -> Figure:
    """A reliability diagram of presence, and a histogram of the probability integral transforms.

    All arrays are over pairs of image and category; ``presence`` is the predicted probability of at least one.
    """
    figure = _figure(3.4, theme)
    left, right = (_axes(figure, position, theme) for position in (121, 122))
    deciles = np.minimum((presence * 10).astype(int), 9).ravel()
    pairs = np.bincount(deciles, minlength=10)
    seen = pairs > 0
    forecast, observed = (
        np.bincount(deciles, values.ravel(), minlength=10)[seen] / pairs[seen] for values in (presence, occurs)
    )
    left.plot([0, 1], [0, 1], color=theme.muted, linewidth=0.9)
    left.annotate("calibrated", (0.5, 0.5), (6, -12), textcoords="offset points", color=theme.muted, fontsize=9)
    left.plot(forecast, observed, "o-", color=theme.blue, linewidth=1.8, markersize=5)
    left.set_xlabel("predicted probability of at least one")
    left.set_ylabel("share with at least one")
    density = np.histogram(transforms, 20, (0, 1))[0] / transforms.size * 20
    right.bar(np.arange(20) / 20 + 0.025, density, width=0.045, color=theme.orange)
    right.axhline(1, color=theme.muted, linewidth=0.9)
    right.set_xlabel("place of the true count in its distribution (PIT)")
    right.set_ylabel("density (1 everywhere if calibrated)")
    right.set_ylim(0, max(1.6, float(density.max()) * 1.1))
    for axes in (left, right):
        axes.grid(color=theme.line, linewidth=0.7)
        axes.set_axisbelow(True)
    return figure


def _figure(height: float, theme: Theme) -> Figure:
    return Figure(figsize=(_WIDTH, height), facecolor=theme.surface, layout="constrained")


def _axes(figure: Figure, position: int, theme: Theme, sharey: Axes | None = None) -> Axes:
    axes = figure.add_subplot(position, sharey=sharey, facecolor=theme.surface)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=theme.muted, length=0, labelsize=10)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(theme.muted)
    return axes


def _title(axes: Axes, text: str, theme: Theme) -> None:
    axes.set_title(text, loc="left", fontsize=11, color=theme.ink)


def _print_values(axes: Axes, rows: Floats, values: Floats, form: str, theme: Theme) -> None:
    """Print each value beyond the end of its bar."""
    for row, value in zip(rows, values, strict=True):
        known = np.isfinite(value)
        side = "right" if value < 0 else "left"
        axes.annotate(
            _signless_zero(format(value, form)) if known else "no pairs",
            (float(value) if known else 0.0, row),
            (-4 if value < 0 else 4, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            color=theme.muted,
            fontsize=8.5,
        )


def _make_room(axes: Axes, values: Floats, theme: Theme) -> None:
    """Widen the axis for the values printed beyond the bars."""
    known = np.append(np.nan_to_num(values), 0.0)
    span = max(float(np.ptp(known)), 1e-9)
    axes.set_xlim(known.min() - 0.2 * span if (known < 0).any() else 0, known.max() + 0.2 * span)
    axes.grid(axis="x", color=theme.line, linewidth=0.7, zorder=0)


def _colour_bar(figure: Figure, picture: AxesImage, name: str, theme: Theme) -> None:
    bar = figure.colorbar(picture, fraction=0.04, pad=0.02, ticks=[0, 0.05, 0.25, 0.5, 1])
    bar.set_label(name, color=theme.muted)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=theme.muted, length=0, labelsize=9)


def _shade(left: Axes, right: Axes, band: tuple[range, str] | None, theme: Theme) -> None:
    if band is None:
        return
    rows, name = band
    for axes in (left, right):
        axes.axhspan(rows[0] - 0.5, rows[-1] + 0.5, color=theme.band, zorder=-1)
    left.text(
        0.99,
        (rows[0] + rows[-1]) / 2,
        name,
        transform=left.get_yaxis_transform(),
        rotation=270,
        ha="right",
        va="center",
        color=theme.muted,
        fontsize=9,
    )


def _plain(texts: Iterable[Text], theme: Theme) -> None:
    """Draw names literally: dollar signs do not start formulas."""
    for text in texts:
        text.set_parse_math(False)
        text.set_color(theme.ink)


def _one_line(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= 28 else line[:27] + "…"


def _signless_zero(number: str) -> str:
    return number.lstrip("+-") if float(number) == 0 else number.replace("-", "−")


def _compact(number: int) -> str:
    return f"{number:,}" if number < 10_000 else f"{number / 1000:.0f}k"


def _legible(background: tuple[float, ...], theme: Theme) -> str:
    """The theme's text colour of higher contrast (WCAG) on the background."""

    def contrast(colour: str) -> float:
        lights = [np.dot(np.power(rgb, 2.2), (0.2126, 0.7152, 0.0722)) for rgb in (background[:3], to_rgb(colour))]
        return float((max(lights) + 0.05) / (min(lights) + 0.05))

    return max(theme.ink, theme.on_deep, key=contrast)
