"""Filter and rescore the boxes of a COCO results file using a file of counts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from counting.detection.count_calibration import poisson, prior_from_counts
from counting.detection.detections import Detections
from counting.detection.matching import Objects
from counting.detection.priors import CountPrior, fit_prior, top_n
from counting.detection.results_file import CategoryIds, find_photos, read_detections, read_rows, whole_file
from counting.stats.count_distribution import Calibration, fit_calibration
from counting.tables.count_table import CountTable
from counting.tables.join import check_missing, find_rows, join
from counting.tables.table_files import read_table
from counting_datasets.catalog import in_categories
from counting_datasets.categories import match_categories
from counting_datasets.errors import CountingError, DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

DECIMALS = 6
"""Number of decimals of a new score."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class DataSet:
    """The data set of the photos.

    Attributes:
        categories: K names; a results file may number them 1 to K.
        category_ids: the category ids of the annotation file, if there is one.
        photos: the true counts of the annotation file's photos, if there is one.
    """

    categories: Sequence[str]
    category_ids: CategoryIds | None = None
    photos: CountTable | None = None


@dataclass(frozen=True)
class Val:
    """The validation split for fitting: the files of the detector's ``boxes`` and of ``counts``, if given.

    ``scenes`` loads the true objects when needed. ``category_ids`` are the ids of the file of boxes, used if the
    annotation file has none.
    """

    scenes: Callable[[], SceneSet]
    boxes: Path | None = None
    counts: str | None = None
    category_ids: CategoryIds | None = None


@dataclass(frozen=True)
class Improved:
    """The ``rows`` to keep of a results file with ``boxes`` rows, and the ``rule`` that chose them.

    ``why`` explains the rule; the boxes of photos ``without_counts`` are unchanged.
    """

    rows: Rows
    boxes: int
    rule: str
    why: str
    without_counts: tuple[str, ...] = ()


def improve(
    boxes: Path, counts: str, table: CountTable, data: DataSet, val: Val, rule: str | None = None
) -> Improved:
    """Choose the boxes of a results file to keep by ``rule``: ``prior`` (the default) or ``top-n``.

    ``table`` contains the counts of the photos, read from the file ``counts``.

    Raises:
        CountingError: a file is malformed; the counts lack a category of the boxes or more than a tenth of the
            photos; or ``val`` has boxes but no counts.
    """
    try:
        rows = read_rows(boxes)
        file = whole_file(rows, data.categories, data.category_ids)
    except DataError as error:
        raise DataError(f"{boxes}: {error}") from None
    if not rows:
        return Improved([], 0, rule or "prior", "there are no boxes")
    every = file.detections
    table = _in_shared_categories(table, every, counts)
    try:
        place = find_photos(every.images, _numbered(table, data.photos), file.numbered)
    except DataError as error:
        raise DataError(f"{boxes}: {error}") from None
    missing = [photo for photo, row in zip(every.images, place, strict=True) if row < 0]
    check_missing(missing, len(every.images), counts)
    counted = place[every.image] >= 0
    found, table = _joined(every, counted, place, table)
    kept, scores, rule, why = _decide(found, table, replace(val, category_ids=file.category_ids), rule)
    is_kept, new = np.ones(len(rows), dtype=bool), every.scores.copy()
    is_kept[counted], new[counted] = kept, scores
    left = [
        row if rule == "top-n" or not has_counts else {**row, "score": score}
        for row, has_counts, stays, score in zip(rows, counted, is_kept, new.tolist(), strict=True)
        if stays
    ]
    return Improved(left, len(rows), rule, why, tuple(missing))


def _in_shared_categories(table: CountTable, every: Detections, counts: str) -> CountTable:
    """The counts in the detector's categories; they must include all categories that have boxes."""
    found = set(every.category.tolist())
    matched = set(match_categories(table.categories, every.categories).values())
    lacking = [every.categories[k] for k in sorted(found - matched)]
    if lacking:
        more = f" and {len(lacking) - 1} more categories" if len(lacking) > 1 else ""
        raise DataError(f"{counts}: no counts of {lacking[0]!r}{more}, which have boxes")
    return table.in_categories([every.categories[k] for k in sorted(matched)])


def _numbered(table: CountTable, photos: CountTable | None) -> CountTable:
    """The counts with the photos' numbers from the annotation file."""
    if photos is None or photos.numbers is None:
        return table
    rows = find_rows(photos, table.images)
    numbers = [photos.numbers[row] if row >= 0 else image for image, row in zip(table.images, rows, strict=True)]
    return replace(table, numbers=tuple(numbers))


def _joined(
    every: Detections, counted: NDArray[np.bool_], place: NDArray[np.int64], table: CountTable
) -> tuple[Detections, CountTable]:
    """The boxes that have counts, and those counts, in the same photos and categories."""
    with_counts = every.where(counted).in_photos(np.flatnonzero(place >= 0))
    selected = table.rows(place[place >= 0])
    column = np.full(len(every.categories), -1)
    for theirs, ours in match_categories(every.categories, table.categories).items():
        column[theirs] = ours
    found = replace(with_counts, categories=table.categories, category=column[with_counts.category])
    return found, selected


def _decide(
    found: Detections, table: CountTable, val: Val, rule: str | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64], str, str]:
    """Flags of the boxes to keep, the scores of all, the rule and its explanation."""
    if rule == "top-n":
        return top_n(found, table.counts), found.scores, "top-n", "as requested"
    if val.boxes and not val.counts:
        raise CountingError("--fit needs the counts of the same photos: --fit-counts FILE")
    prior, distribution = _fitted(found, table, val)
    scores = prior.rescore(found, distribution).round(DECIMALS)
    fitted = f"fitted on {val.boxes}, trust in the counts {prior.trust}"
    why = fitted if val.boxes else "scores calibrated by the counts"
    return prior.keep(found, scores, distribution), scores, "prior", why


def _fitted(found: Detections, table: CountTable, val: Val) -> tuple[CountPrior, NDArray[np.floating]]:
    """The prior, and the distributions of ``table``: its own, calibrated on validation, or Poisson."""
    if val.counts is None:
        distribution = poisson(table.counts) if table.distribution is None else table.distribution
        return prior_from_counts(found, distribution), distribution
    scenes = in_categories(val.scenes(), found.categories)
    truth, on_val, missing = join(
        CountTable.from_scenes(scenes, Protocol()), read_table(val.counts).in_categories(found.categories)
    )
    check_missing(missing, len(scenes), val.counts)
    of_table, of_val = table.distribution, on_val.distribution
    if of_table is None or of_val is None:
        calibration: Calibration = fit_calibration(torch.from_numpy(on_val.counts), torch.from_numpy(truth.counts))
        of_table, of_val = (calibration.distribution(one.counts) for one in (table, on_val))
    if val.boxes is None:
        return prior_from_counts(found, of_table), of_table
    scored = set(truth.images)
    objects = Objects.of([scene for scene in scenes if scene.id in scored], len(found.categories))
    return fit_prior(read_detections(val.boxes, truth, val.category_ids), objects, of_val), of_table
