"""A detector as a calibrated counter: how its boxes count, fitted on validation photos, and its file."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from counting.detection.detect import FITTERS, SCORES, BoxRule, ScoreThresholds, SoftCount, fit_thresholds
from counting.detection.detections import Detections
from counting.detection.detectors.registry import COUNTER_FILE
from counting.stats.best_guess import fit_shown_from
from counting.stats.count_distribution import PARAMETERS, Calibration, fit_calibration
from counting.stats.least_squares import FOLDS, folds
from counting.stats.metrics import Floats
from counting.tables.count_table import CountTable
from counting.utils.files import write_json
from counting_datasets.errors import CountingError, DataError

FORMAT: Literal["everyday-counting-detector/1"] = "everyday-counting-detector/1"

Rule = Literal["soft", "threshold"]


@dataclass(frozen=True, eq=False)
class BoxCounter:
    """How the boxes of a detector count.

    Attributes:
        categories: K names.
        rule: the way to count a photo's boxes, of the two that follow.
        thresholds, soft: both ways, fitted.
        calibration: from the counts by ``rule`` to distributions.
        fitted_on: the boxes, data set, split, protocol and number of photos that it was fitted on.
    """

    categories: tuple[str, ...]
    rule: Rule
    thresholds: ScoreThresholds
    soft: SoftCount
    calibration: Calibration
    fitted_on: dict[str, Any] = field(default_factory=dict)

    @property
    def chosen(self) -> BoxRule:
        """The way to count boxes."""
        return self.soft if self.rule == "soft" else self.thresholds

    def counts(self, detections: Detections) -> CountTable:
        """The counts of photos, with their distributions.

        Raises:
            DataError: the boxes have other categories.
        """
        if detections.categories != self.categories:
            raise DataError(f"the boxes have other categories than the {len(self.categories)} fitted")
        table = self.chosen.counts(detections)
        return CountTable(
            table.images,
            table.categories,
            table.counts,
            numbers=table.numbers,
            distribution=self.calibration.distribution(table.counts),
        )


@dataclass(frozen=True, eq=False)
class FittedCounter:
    """A fitted counter, and the raw counts (N×K) of each fifth of the photos by a fit on the other four."""

    counter: BoxCounter
    held_out: Floats


def fit_box_counter(
    detections: Detections, truth: CountTable, rule: Rule = "soft", fitted_on: dict[str, Any] | None = None
) -> FittedCounter:
    """Fit thresholds, soft count and calibration on the boxes and true counts of validation photos.

    ``truth`` has the photos of ``detections``, in the same order. The calibration is fitted to counts of photos
    that the rule was not fitted on, as those of new photos will be.

    Raises:
        DataError: there are fewer photos than folds, or boxes and counts differ in photos or categories.
    """
    photos = len(truth.images)
    if photos < FOLDS:
        raise DataError(f"{photos} photos are too few to fit on: at least {FOLDS} are needed")
    held_out = np.zeros_like(truth.counts)
    for kept, left in folds(photos):
        fitted = FITTERS[rule](detections.in_photos(kept), truth.rows(kept))
        held_out[left] = fitted.counts(detections.in_photos(left)).counts
    known = np.ones(held_out.shape, dtype=bool) if truth.known is None else truth.known
    calibration = fit_calibration(*map(torch.from_numpy, (held_out, truth.counts, known)))
    probability = 1 - calibration.distribution(held_out)[..., 0]
    calibration.shown_from = fit_shown_from(held_out[known], probability[known], truth.counts[known])
    soft = FITTERS["soft"](detections, truth)
    assert isinstance(soft, SoftCount)
    thresholds = fit_thresholds(detections, truth)
    counter = BoxCounter(detections.categories, rule, thresholds, soft, calibration, fitted_on or {})
    return FittedCounter(counter, held_out)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _SoftCount(_Strict):
    scores: list[float]
    weights: list[list[float]]


class _Calibration(_Strict):
    weights: list[list[float]]
    largest: PositiveInt
    shown_from: float


class _File(_Strict):
    """The content of a counter's file, in the order of its keys."""

    format: Literal["everyday-counting-detector/1"]
    fitted_on: dict[str, Any]
    rule: Rule
    categories: list[str]
    thresholds: list[float]
    soft_count: _SoftCount
    calibration: _Calibration


def write_box_counter(counter: BoxCounter, path: Path) -> None:
    """Write the counter as JSON, atomically."""
    calibration = counter.calibration
    content = _File(
        format=FORMAT,
        fitted_on=counter.fitted_on,
        rule=counter.rule,
        categories=list(counter.categories),
        thresholds=counter.thresholds.thresholds.tolist(),
        soft_count=_SoftCount(scores=list(SCORES), weights=counter.soft.weights.tolist()),
        calibration=_Calibration(
            weights=calibration.weights.tolist(),
            largest=calibration.largest,
            shown_from=calibration.shown_from,
        ),
    )
    write_json(check_ending(path), content.model_dump())


def check_ending(path: Path) -> Path:
    """``path``, if it is that of a counter's file by its ending.

    Raises:
        CountingError: it is not.
    """
    if not path.name.lower().endswith(COUNTER_FILE):
        raise CountingError(f"{path}: a fitted counter's file must end in {COUNTER_FILE}")
    return path


def read_box_counter(path: Path) -> BoxCounter:
    """Read a counter that ``write_box_counter`` wrote.

    Raises:
        CountingError: the file is missing or malformed, or of another version.
    """
    try:
        content = _File.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise CountingError(f"{path}: no such file; `counting fit` writes it") from None
    except OSError as error:
        raise CountingError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise CountingError(
            f"{path}: not a counter of `counting fit` ({f'{key}: ' if key else ''}{first['msg'].lower()})"
        ) from None
    categories = len(content.categories)
    sizes = (
        (content.thresholds, (categories,)),
        (content.soft_count.weights, (categories, len(SCORES))),
        (content.calibration.weights, (categories, PARAMETERS)),
    )
    if not categories or len(set(content.categories)) < categories:
        raise CountingError(f"{path}: its categories are missing or listed twice")
    if content.soft_count.scores != list(SCORES) or any(_shape(rows) != shape for rows, shape in sizes):
        raise CountingError(f"{path}: its numbers do not fit its {categories} categories; fit it again")
    weights = np.array(content.soft_count.weights)
    return BoxCounter(
        categories=tuple(content.categories),
        rule=content.rule,
        thresholds=ScoreThresholds(np.array(content.thresholds)),
        soft=SoftCount(weights.clip(min=0)),
        calibration=Calibration(
            torch.tensor(content.calibration.weights), content.calibration.largest, content.calibration.shown_from
        ),
        fitted_on=content.fitted_on,
    )


def _shape(rows: list[Any]) -> tuple[int, ...] | None:
    """The shape of a list of numbers, or of lists of numbers of one length; None for ragged lists."""
    try:
        return np.array(rows, dtype=np.float64).shape
    except ValueError:
        return None
