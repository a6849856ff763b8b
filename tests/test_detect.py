"""Boxes as counts: thresholds, soft counts, ensembles; each the best of its kind on what it was fitted on."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counting.detection.detect import fit_soft_count, fit_thresholds
from counting.detection.detections import Detections
from counting.detection.results_file import read_detections
from counting.networks.counters.ensemble import average, fit_weights
from counting.stats.metrics import count_metrics
from counting.tables.count_table import CountTable
from counting_datasets.catalog import Place, load
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol

PHOTOS = tuple(f"{number:03}" for number in range(40))


def boxes_and_truth(seed: int) -> tuple[Detections, CountTable]:
    """Boxes whose scores tell something about how many cats and dogs there are."""
    random = np.random.default_rng(seed)
    true = random.poisson(0.8, size=(len(PHOTOS), 2)).astype(np.float64)
    found = [
        (image, category, float(np.clip(random.normal(0.7 if real else 0.3, 0.15), 0.02, 0.999).round(2)))
        for image, row in enumerate(true)
        for category, count in enumerate(row)
        for real in [True] * int(count) + [False] * int(random.integers(0, 3))
    ]
    image, category, scores = (np.array(column) for column in zip(*found, strict=True))
    boxes = np.tile([0.0, 0.0, 5.0, 5.0], (len(scores), 1))
    detections = Detections(PHOTOS, ("cat", "dog"), image, category, boxes, scores)
    return detections, CountTable(PHOTOS, ("cat", "dog"), true)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_threshold_counts_better_than_the_fitted_one(seed: int) -> None:
    detections, truth = boxes_and_truth(seed)
    fitted = fit_thresholds(detections, truth).counts(detections).counts
    error = ((fitted - truth.counts) ** 2).sum(axis=0)
    for threshold in np.linspace(0, 1.01, 204):
        kept = detections.scores >= threshold
        counted = detections.where(kept).totals(np.ones(int(kept.sum()))).counts
        assert (error <= ((counted - truth.counts) ** 2).sum(axis=0) + 1e-9).all()


def test_a_surer_box_is_never_worth_less() -> None:
    detections, truth = boxes_and_truth(0)
    soft = fit_soft_count(detections, truth)
    scores = np.linspace(0, 1, 101)
    for category in (0, 1):
        zeros = np.zeros(101, dtype=np.int64)
        each = Detections(
            tuple(map(str, range(101))),
            ("cat", "dog"),
            np.arange(101),
            zeros + category,
            np.zeros((101, 4)),
            scores,
        )
        worth = soft.counts(each).counts[:, category]
        assert (np.diff(worth) >= 0).all()
        assert worth[-1] > 0


def test_an_ensemble_averages_and_finds_who_to_trust() -> None:
    _, truth = boxes_and_truth(2)
    noise = np.random.default_rng(0).normal(0, 2, truth.counts.shape)
    good, bad = (CountTable(PHOTOS, ("cat", "dog"), counts) for counts in (truth.counts / 2, np.abs(noise)))
    assert np.allclose(average([good, bad]).counts, (good.counts + bad.counts) / 2)
    fitted = fit_weights([good, bad], truth)
    assert np.allclose(fitted.weights, [[2, 2], [0, 0]], atol=0.05)
    with pytest.raises(DataError, match="same images"):
        average([good, bad.select(PHOTOS[:5])])


def test_the_given_detections_count_as_well_as_claimed(data_root: Path) -> None:
    """VOC 2007 test, protocol all: thresholds ≤ .425 and soft count ≤ .40 for yolo_fastest_xl."""
    place = Place(data_root / "VOCdevkit" / "VOC2007")
    truth = {split: CountTable.from_scenes(load("voc2007", split, place), Protocol()) for split in ("val", "test")}
    files = {split: data_root / "detections" / f"voc2007_{split}_yolo_fastest_xl.json" for split in truth}
    val, test = (read_detections(files[split], truth[split]) for split in ("val", "test"))
    for fit, bound in ((fit_thresholds, 0.425), (fit_soft_count, 0.40)):
        counted = fit(val, truth["val"]).counts(test)
        assert count_metrics(counted.counts, truth["test"].counts, counted.categories).mRMSE <= bound
