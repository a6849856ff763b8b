"""The report of an evaluation: one HTML page with its plots, and the figures and counts as files."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from counting.evaluation.breakdown import (
    LARGE_FROM,
    SMALL_BELOW,
    SUBITIZING_RANGE,
    ErrorGroup,
    errors_by_category,
    errors_by_object_size,
    errors_by_range,
    errors_by_true_count,
    mean_object_areas,
)
from counting.evaluation.distribution_scores import DistributionScores
from counting.evaluation.score_tables import coverage_lines
from counting.evaluation.scores import Evaluation, compare
from counting.report import plots
from counting.report.worst_photos import worst_photos
from counting.stats.bootstrap import RESAMPLES
from counting.stats.metrics import FIGURES, Floats, as_scored
from counting.tables.table_files import write_table
from counting.utils.files import write_json, write_text
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

_COLUMNS = ("RMSE", "RMSE-nz", "relRMSE", "relRMSE-nz", "mae", "exact")
"""Names of ``FIGURES`` for a single category."""


@dataclass(frozen=True)
class _Plot:
    file: str
    title: str
    text: str
    draw: Callable[[plots.Theme], Figure]


def write_report(
    evaluation: Evaluation,
    folder: Path,
    scenes: SceneSet | None,
    history: Sequence[Mapping[str, float | None]] = (),
    against: Evaluation | None = None,
    resamples: int = RESAMPLES,
) -> Path:
    """Write results.json, counts.csv, plots/ and report.html into ``folder``; returns the path of report.html.

    Args:
        evaluation: the evaluation to report.
        folder: created if it does not exist; files of the same names are replaced atomically.
        scenes: the data set's scenes, in the truth's categories, for the sizes of objects and the photos; a photo
            that cannot be opened is replaced by a note.
        history: ``epoch, loss, val_mRMSE`` of every epoch, if the counter was just trained.
        against: an evaluation of a second counter on the same truth, to compare with.
        resamples: number of bootstrap resamples for the intervals of the differences.

    Raises:
        DataError: an image is not in ``scenes``.
        CountingError: a file cannot be written.
    """
    write_json(folder / "results.json", evaluation.to_json())
    write_table(evaluation.predicted, folder / "counts.csv")
    sections = [
        *([_comparison(evaluation, against, resamples)] if against else []),
        *(_plot_section(plot, folder) for plot in _plots(evaluation, scenes, history, against)),
        _category_table(evaluation),
        _worst_photos(evaluation, scenes),
    ]
    template = Template(Path(__file__).with_name("report_template.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=escape(f"{evaluation.counter} on {evaluation.data} {evaluation.split}"),
        about=escape(_about(evaluation)),
        figures="\n".join(_tile(evaluation, name) for name in FIGURES),
        sections="\n".join(sections),
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


# The head of the page


def _about(evaluation: Evaluation) -> str:
    facts = [
        f"protocol {evaluation.protocol}",
        f"{len(evaluation.truth.images):,} images",
        f"{len(evaluation.truth.categories)} categories",
        "counts rounded half up" if evaluation.rounded else "counts not rounded",
    ]
    levels = {interval.level for interval in evaluation.intervals.values()}
    return " · ".join([*facts, *(f"{level:.0%} intervals by bootstrap" for level in levels)])


def _tile(evaluation: Evaluation, name: str) -> str:
    value = _number(getattr(evaluation.metrics, name))
    interval = evaluation.intervals.get(name)
    span = f'<dd class="interval">{_number(interval.low)}–{_number(interval.high)}</dd>' if interval else ""
    first = ' class="first"' if name == FIGURES[0] else ""
    return f"<div{first}><dt>{_shown(name)}</dt><dd>{value}</dd>{span}</div>"


def _comparison(evaluation: Evaluation, against: Evaluation, resamples: int) -> str:
    differences = compare(evaluation, against, resamples)
    rows = [
        (counted.counter, [_number(getattr(counted.metrics, name)) for name in FIGURES])
        for counted in (evaluation, against)
    ]
    found = [differences[name] for name in FIGURES]
    rows.append(("difference", [_number(one.difference, "+.3f") + "*" * one.significant for one in found]))
    spans = [(_number(one.interval.low, "+.3f"), _number(one.interval.high, "+.3f")) for one in found]
    rows.append(("95 % interval", [f"{low} to {high}" for low, high in spans]))
    text = (
        "The difference is the first minus the second, on the images both counted. * marks a difference whose "
        "95 % interval (paired bootstrap) excludes 0."
    )
    return _section(
        f"Against {against.counter}", text, _table(["counter", *(_shown(name) for name in FIGURES)], rows)
    )


# Plots


def _plots(
    evaluation: Evaluation,
    scenes: SceneSet | None,
    history: Sequence[Mapping[str, float | None]],
    against: Evaluation | None,
) -> list[_Plot]:
    drawn = [_by_true_count(evaluation, against), _confusion(evaluation), _by_category(evaluation, against)]
    if scenes is not None:
        drawn.append(_by_size(evaluation, scenes, against))
    if evaluation.distribution and evaluation.predicted.distribution is not None:
        drawn.append(_reliability(evaluation, evaluation.distribution, evaluation.predicted.distribution))
    if history:
        text = "Training loss, and mRMSE on the validation split, by which the weights were chosen."
        drawn.append(_Plot("training", "Training", text, lambda theme: plots.training_curve(history, theme)))
    return drawn


def _by_true_count(evaluation: Evaluation, against: Evaluation | None) -> _Plot:
    predicted, true = _scored(evaluation)
    series = _series(evaluation, against, lambda one: errors_by_true_count(*_scored(one)))
    groups = series[0].groups
    in_range = [row for row, group in enumerate(groups) if group.name in map(str, SUBITIZING_RANGE)]
    band = (range(in_range[0], in_range[-1] + 1), "subitizing range")
    told = "; ".join(
        f"{group.name} objects: RMSE {_number(group.rmse)}, {group.exact:.0%} exact ({group.pairs:,} pairs)"
        for group in errors_by_range(predicted, true)
        if group.pairs
    )
    text = (
        "Pairs of image and category by the true number of objects. People see up to four objects at a glance "
        f"(the subitizing range). {told}."
    )
    return _Plot(
        "error_by_true_count",
        "Error by true count",
        text,
        lambda theme: plots.error_bars(
            series, theme, "true number of objects", labels=_with_pairs(groups), band=band
        ),
    )


def _confusion(evaluation: Evaluation) -> _Plot:
    text = (
        "Pairs of image and category, by true and predicted count. Colours are shares of a row, frames mark exact "
        "counts."
    )
    return _Plot(
        "predicted_against_true",
        "Predicted against true counts",
        text,
        lambda theme: plots.predicted_against_true(*_scored(evaluation), theme),
    )


def _by_category(evaluation: Evaluation, against: Evaluation | None) -> _Plot:
    series = _series(
        evaluation, against, lambda one: errors_by_category(*_scored(one), evaluation.truth.categories)
    )
    order = np.argsort([-group.rmse for group in series[0].groups], kind="stable")
    series = [plots.Series(one.name, [one.groups[k] for k in order]) for one in series]
    text = "All images, the category with the largest error first."
    if len(order) > plots.MAX_BARS:
        text += f" Only the first {plots.MAX_BARS} of {len(order)} are shown; the table below has all."
    return _Plot(
        "error_by_category",
        "Error by category",
        text,
        lambda theme: plots.error_bars(series, theme, "category"),
    )


def _by_size(evaluation: Evaluation, scenes: SceneSet, against: Evaluation | None) -> _Plot:
    series = _series(evaluation, against, lambda one: _size_groups(one, scenes))
    text = (
        "Pairs with an object, by the mean share of the photo that an object of the category covers: "
        f"small below {SMALL_BELOW:.0%}, large from {LARGE_FROM:.0%}."
    )
    return _Plot(
        "error_by_object_size",
        "Error by object size",
        text,
        lambda theme: plots.error_bars(series, theme, "object size", labels=_with_pairs(series[0].groups)),
    )


def _reliability(evaluation: Evaluation, scores: DistributionScores, distribution: NDArray[np.float32]) -> _Plot:
    true = evaluation.true_counts()
    known = ~np.isnan(true)
    presence = 1 - distribution[known][..., 0].astype(np.float64)
    text = (
        "Left: among the pairs of photo and category to which the counter gives, say, a probability of 70 % that "
        "there is at least one object, 70 % should have one, so points should lie on the diagonal. Right: true "
        "counts should fall evenly over their predicted distributions, so all bars should reach 1; a hump in the "
        "middle means intervals too wide, high ends mean intervals too narrow. "
    )
    text += ". ".join(coverage_lines(scores)) + "."
    return _Plot(
        "reliability",
        "Are the predicted probabilities right?",
        text,
        lambda theme: plots.reliability(presence, true[known] > 0, scores.transforms, theme),
    )


def _series(
    evaluation: Evaluation, against: Evaluation | None, groups: Callable[[Evaluation], Sequence[ErrorGroup]]
) -> list[plots.Series]:
    """The errors of the counter and of the one it is compared with."""
    return [plots.Series(one.counter, groups(one)) for one in (evaluation, against) if one]


def _size_groups(evaluation: Evaluation, scenes: SceneSet) -> tuple[ErrorGroup, ...]:
    protocol = Protocol.parse(evaluation.protocol, scenes.family)
    areas = mean_object_areas(scenes, protocol, evaluation.truth.images)
    return errors_by_object_size(*_scored(evaluation), areas)


def _with_pairs(groups: Sequence[ErrorGroup]) -> list[str]:
    return [f"{group.name}  ({group.pairs:,} pairs)" for group in groups]


def _scored(evaluation: Evaluation) -> tuple[Floats, Floats]:
    """The predicted counts as scored, and the true counts, NaN where unknown."""
    return as_scored(evaluation.predicted.counts, evaluation.rounded), evaluation.true_counts()


def _plot_section(plot: _Plot, folder: Path) -> str:
    light, dark = f"plots/{plot.file}.png", f"plots/{plot.file}-dark.png"
    for theme, path in ((plots.LIGHT, light), (plots.DARK, dark)):
        plots.save(plot.draw(theme), folder / path)
    picture = (
        f'<picture><source srcset="{dark}" media="(prefers-color-scheme: dark)" />'
        f'<img src="{light}" alt="{escape(plot.title)}" /></picture>'
    )
    return _section(plot.title, plot.text, f'<div class="wide">{picture}</div>')


# The table and the worst photos


def _category_table(evaluation: Evaluation) -> str:
    rows = []
    for category, true in zip(evaluation.truth.categories, evaluation.true_counts().T, strict=True):
        figures = evaluation.metrics.per_category[category]
        occurrences = [f"{(true > 0).sum():,}", f"{np.nansum(true):,.0f}"]
        rows.append((category, [*occurrences, *(_number(figures[name]) for name in FIGURES)]))
    head = ["category", "images with it", "objects", *_COLUMNS]
    return _section("All categories", "nz: only the images with the category.", _table(head, rows))


def _worst_photos(evaluation: Evaluation, scenes: SceneSet | None) -> str:
    figures = worst_photos(evaluation, scenes)
    text = (
        "The photos with the largest error in one category: raw count → rounded count, and the true count. "
        "Boxes are the true objects; numbers are the counts of the cells."
    )
    if not figures:
        text = "There are none: every count is right."
    return _section("The worst photos", text, f'<div class="photos">{"".join(figures)}</div>')


# HTML


def _section(title: str, text: str, content: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n<p>{escape(text)}</p>\n{content}\n</section>"


def _table(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(value)}</td>" for value in values)}</tr>'
        for name, values in rows
    )
    return f'<div class="wide"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table></div>'


def _shown(name: str) -> str:
    return name.replace("_", "-")


def _number(value: float, form: str = ".3f") -> str:
    return format(value, form) if math.isfinite(value) else "–"
