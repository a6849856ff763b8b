"""A plot of counts over time: a panel per category with the expected count and its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from counting.report.plots import Theme
from counting.stats.best_guess import readable
from counting.stats.count_distribution import LEVEL
from counting.utils.clock import clock, time_of_day

MAX_PANELS = 12
"""Largest number of categories in a plot."""

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Distances between the marks of the time axis, in seconds."""

_MARKS = 7
"""Largest number of marks on the time axis."""


@dataclass(frozen=True)
class Timeline:
    """The counts of one category over time.

    Attributes:
        category: its name.
        seconds: T times.
        expected, low, high: T expected counts and the ends of their intervals.
    """

    category: str
    seconds: NDArray[np.float64]
    expected: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def timelines_figure(
    title: str, timelines: Sequence[Timeline], theme: Theme, start: float | None = None
) -> Figure:
    """A panel per category: a line for the expected count, a band for the interval.

    Args:
        title: what was counted.
        timelines: at most ``MAX_PANELS`` are drawn.
        theme: colours.
        start: the time of day, in seconds, of time 0; None if the axis shows the time since then.
    """
    shown = timelines[:MAX_PANELS]
    columns = 1 if len(shown) <= 3 else 2
    rows = max(1, -(-len(shown) // columns))
    figure = Figure(figsize=(9.0, 0.9 + 1.75 * rows), facecolor=theme.surface, layout="constrained")
    figure.get_layout_engine().set(hspace=0.08, wspace=0.05)  # type: ignore[union-attr,call-arg]  # it is constrained
    left_out = len(timelines) - len(shown)
    note = f"; {left_out} rarer categories are not shown" if left_out else ""
    caption = f"{title}: expected count and {LEVEL:.0%} interval{note}"
    figure.suptitle(caption, x=0.01, ha="left", fontsize=12, color=theme.ink, parse_math=False)
    panels: list[Axes] = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel().tolist()
    for axes, timeline in zip(panels, shown, strict=False):
        _panel(axes, timeline, theme)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(shown) - columns) : len(shown)]:
        axes.tick_params(labelbottom=True)
    _time_axis(panels, shown, start)
    if not shown:
        figure.text(0.5, 0.4, "no known objects", ha="center", color=theme.muted)
    return figure


def _panel(axes: Axes, timeline: Timeline, theme: Theme) -> None:
    axes.set_facecolor(theme.surface)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(colors=theme.muted, length=0, labelsize=9)
    axes.tick_params(axis="x", pad=7)
    axes.grid(axis="y", color=theme.line, linewidth=0.7)
    axes.set_axisbelow(True)
    marker = "o" if len(timeline.seconds) == 1 else None
    ends = timeline.low, timeline.high
    axes.fill_between(timeline.seconds, *ends, step="mid", color=theme.blue, alpha=0.22, linewidth=0)
    axes.plot(timeline.seconds, timeline.expected, color=theme.blue, linewidth=1.7, marker=marker)
    axes.set_title(readable(timeline.category), loc="left", fontsize=11, color=theme.ink, parse_math=False)
    peak = int(timeline.expected.argmax())
    highest = f"mean {timeline.expected.mean():.1f}, peak {timeline.expected[peak]:.1f}"
    axes.set_title(highest, loc="right", fontsize=9, color=theme.muted)
    axes.set_ylim(0, max(1.0, float(timeline.high.max())) * 1.06)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4, min_n_ticks=2))


def _time_axis(panels: Sequence[Axes], shown: Sequence[Timeline], start: float | None) -> None:
    """Marks at round times of day or of the video."""
    if not shown:
        return
    first, last = float(shown[0].seconds[0]), float(shown[0].seconds[-1])
    step = next((step for step in _STEPS if (last - first) / step <= _MARKS), _STEPS[-1])
    offset = start or 0.0
    marks = np.arange(np.ceil((first + offset) / step), (last + offset) // step + 1) * step - offset
    named = clock if start is None else time_of_day
    for axes in panels:
        axes.set_xticks(marks if len(marks) else [first])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda second, _: named(second + offset)))
        axes.set_xlim(first, last if last > first else first + 1)
