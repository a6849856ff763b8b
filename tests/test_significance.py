"""The bootstrap against a plain loop over the same resamples."""

import numpy as np
import pytest

from counting.evaluation.intervals import metric_differences, metric_intervals
from counting.stats.bootstrap import paired
from counting.stats.metrics import FIGURES, Floats, count_metrics
from counting_datasets.errors import CountingError

CATEGORIES = ("cat", "dog", "person", "zebra")


@pytest.fixture(scope="module")
def true() -> Floats:
    """Sparse counts; the last category is in 1 image of 60, so that many resamples lack it."""
    counts = np.random.default_rng(1).poisson((0.2, 0.6, 2.0, 0.0), size=(60, 4)).astype(np.float64)
    counts[7, 3] = 3
    return counts


@pytest.fixture(scope="module")
def predicted(true: Floats) -> Floats:
    return true + np.random.default_rng(2).normal(0, 0.7, size=true.shape)


def by_loops(predicted: Floats, true: Floats, resamples: int, seed: int, rounded: bool) -> Floats:
    """Resamples × 6 figures, each of the images drawn, one resample after the other."""
    draws = np.random.default_rng(seed).integers(len(true), size=(resamples, len(true)), dtype=np.int32)
    figures = [count_metrics(predicted[draw], true[draw], CATEGORIES, rounded) for draw in draws]
    return np.array([[getattr(metrics, name) for name in FIGURES] for metrics in figures])


@pytest.mark.parametrize("rounded", [True, False])
def test_intervals_are_those_of_a_loop_over_the_resamples(predicted: Floats, true: Floats, rounded: bool) -> None:
    intervals = metric_intervals(predicted, true, resamples=80, seed=3, level=0.9, rounded=rounded)
    lows, highs = np.quantile(by_loops(predicted, true, 80, 3, rounded), (0.05, 0.95), axis=0)
    for name, low, high in zip(FIGURES, lows, highs, strict=True):
        assert intervals[name].level == 0.9
        assert (intervals[name].low, intervals[name].high) == pytest.approx((low, high), rel=1e-9)


def test_differences_are_paired(predicted: Floats, true: Floats) -> None:
    category_mean = np.broadcast_to(true.mean(axis=0), true.shape)
    differences = metric_differences(predicted, category_mean, true, resamples=80, seed=5, rounded=(True, False))
    loops = by_loops(predicted, true, 80, 5, True) - by_loops(category_mean, true, 80, 5, False)
    lows, highs = np.quantile(loops, (0.025, 0.975), axis=0)
    ours = count_metrics(predicted, true, CATEGORIES)
    theirs = count_metrics(category_mean, true, CATEGORIES, rounded=False)
    for name, low, high in zip(FIGURES, lows, highs, strict=True):
        found = differences[name]
        assert found.difference == pytest.approx(getattr(ours, name) - getattr(theirs, name), abs=1e-12)
        assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=1e-9)
        assert found.significant == (low > 0 or high < 0)
    assert {found.significant for found in differences.values()} == {True, False}


def test_a_counter_does_not_differ_from_itself(predicted: Floats, true: Floats) -> None:
    for found in metric_differences(predicted, predicted, true, resamples=150).values():
        assert (found.difference, found.interval.low, found.interval.high) == (0, 0, 0)
        assert not found.significant


def test_every_image_is_drawn_alike() -> None:
    """All error lies in the last tenth of the images: drawn by their index they would count double."""
    true = np.zeros((1000, 1))
    predicted = np.zeros((1000, 1))
    predicted[900:] = 1
    interval = metric_intervals(predicted, true, resamples=1000)["mae"]
    assert (interval.low + interval.high) / 2 == pytest.approx(0.1, abs=0.003)
    standard_error = np.sqrt(0.1 * 0.9 / 1000)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * standard_error, rel=0.1)


def test_a_seed_fixes_the_resamples_and_more_of_them_are_in_blocks_that_differ(
    predicted: Floats, true: Floats
) -> None:
    assert metric_intervals(predicted, true, 230, seed=1) == metric_intervals(predicted, true, 230, seed=1)
    assert metric_intervals(predicted, true, 230, seed=1) != metric_intervals(predicted, true, 230, seed=2)


def test_any_statistic_of_sums_can_be_compared_and_pairing_makes_the_interval_narrow() -> None:
    """b is a plus .1 on every image, so every resample has the same difference."""
    a = np.stack([np.random.default_rng(3).normal(size=50), np.ones(50)], axis=1)
    (found,) = paired((a, a + np.array([0.1, 0])), lambda sums: sums[:, :1] / sums[:, 1:], resamples=50)
    ends = (found.difference, found.interval.low, found.interval.high)
    assert ends == pytest.approx((-0.1, -0.1, -0.1))


@pytest.mark.filterwarnings("error")
def test_a_figure_that_never_exists_has_no_interval() -> None:
    interval = metric_intervals(np.ones((5, 2)), np.zeros((5, 2)), resamples=10)["mRMSE_nz"]
    assert interval.to_json() == {"level": 0.95, "low": None, "high": None}


@pytest.mark.parametrize(
    ("resamples", "level", "message"),
    [(0, 0.95, "must be from 1 to"), (10**12, 0.95, "must be from 1 to"), (10, 1.0, "between")],
)
def test_what_cannot_be_resampled_is_refused(resamples: int, level: float, message: str) -> None:
    with pytest.raises(CountingError, match=message):
        metric_intervals(np.ones((5, 2)), np.ones((5, 2)), resamples, level=level)
