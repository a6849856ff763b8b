"""The metrics against their formulas, written out as plain loops."""

import json
import math
from collections.abc import Iterable
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from counting.stats.metrics import FIGURES, Floats, as_scored, count_metrics, mean_over_categories, round_half_up
from counting_datasets.errors import DataError

TRUE = arrays(np.float64, (7, 3), elements=st.integers(0, 9).map(float))
PREDICTED = arrays(np.float64, (7, 3), elements=st.floats(-2, 12))
NAMES = ("cat", "dog", "person")


def mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else math.nan


def by_loops(predicted: Floats, true: Floats, rounded: bool) -> dict[str, list[float]]:
    """Each figure of each category, as the paper writes it."""
    figures: dict[str, list[float]] = {name: [] for name in FIGURES}
    for k in range(true.shape[1]):
        pairs = []
        for p, c in zip(predicted[:, k], true[:, k], strict=True):
            clipped = max(p, 0.0)
            pairs.append((math.floor(clipped + 0.5) if rounded else clipped, c))
        nonzero = [(p, c) for p, c in pairs if c > 0]
        figures["mRMSE"].append(math.sqrt(mean((p - c) ** 2 for p, c in pairs)))
        figures["mRMSE_nz"].append(math.sqrt(mean((p - c) ** 2 for p, c in nonzero)))
        figures["m_relRMSE"].append(math.sqrt(mean((p - c) ** 2 / (c + 1) for p, c in pairs)))
        figures["m_relRMSE_nz"].append(math.sqrt(mean((p - c) ** 2 / (c + 1) for p, c in nonzero)))
        figures["mae"].append(mean(abs(p - c) for p, c in pairs))
        figures["exact"].append(mean(float(p == c) for p, c in pairs))
    return figures


@settings(deadline=None)
@given(PREDICTED, TRUE, st.booleans())
def test_every_figure_is_its_formula(predicted: Floats, true: Floats, rounded: bool) -> None:
    metrics = count_metrics(predicted, true, NAMES, rounded)
    for figure, values in by_loops(predicted, true, rounded).items():
        ours = [metrics.per_category[name][figure] for name in NAMES]
        assert ours == pytest.approx(values, rel=1e-12, nan_ok=True)
        known = [value for value in values if not math.isnan(value)]
        assert getattr(metrics, figure) == pytest.approx(mean(known), rel=1e-12, nan_ok=True)


@settings(deadline=None)
@given(PREDICTED, TRUE, st.randoms())
def test_the_order_of_images_does_not_matter(predicted: Floats, true: Floats, random: Random) -> None:
    order = list(range(len(true)))
    random.shuffle(order)
    before = count_metrics(predicted, true, NAMES)
    after = count_metrics(predicted[order], true[order], NAMES)
    for figure in FIGURES:
        assert getattr(after, figure) == pytest.approx(getattr(before, figure), rel=1e-12, nan_ok=True)


@settings(deadline=None)
@given(PREDICTED, TRUE)
def test_relative_errors_are_no_larger_and_a_counter_right_on_zeros_errs_more_where_objects_are(
    predicted: Floats, true: Floats
) -> None:
    metrics = count_metrics(np.where(true > 0, predicted, 0.0), true, NAMES)
    for figures in metrics.per_category.values():
        assert figures["m_relRMSE"] <= figures["mRMSE"] + 1e-12
        if not math.isnan(figures["mRMSE_nz"]):
            assert figures["mRMSE_nz"] >= figures["mRMSE"] - 1e-12
            assert figures["m_relRMSE_nz"] >= figures["m_relRMSE"] - 1e-12


@settings(deadline=None)
@given(TRUE)
def test_true_counts_make_no_error(true: Floats) -> None:
    metrics = count_metrics(true, true, NAMES)
    assert (metrics.mRMSE, metrics.m_relRMSE, metrics.mae, metrics.exact) == (0, 0, 0, 1)


def test_counts_round_half_up_after_clipping() -> None:
    assert round_half_up([-0.6, -0.5, 0.49, 0.5, 1.5, 2.5, 2.51]).tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert as_scored([-0.6, 0.5, 2.4], rounded=False).tolist() == [0, 0.5, 2.4]


def test_a_category_that_never_occurs_has_no_nz_figure_and_does_not_enter_their_mean() -> None:
    true = np.array([[0.0, 2.0], [0.0, 0.0]])
    metrics = count_metrics([[1.0, 1.0], [0.0, 0.0]], true, ("cat", "dog"))
    assert math.isnan(metrics.per_category["cat"]["mRMSE_nz"])
    assert metrics.mRMSE_nz == 1.0
    assert metrics.mRMSE == pytest.approx(math.sqrt(0.5))


@pytest.mark.filterwarnings("error")
def test_json_writes_a_figure_that_does_not_exist_as_null() -> None:
    metrics = count_metrics(np.zeros((3, 1)), np.zeros((3, 1)), ("cat",))
    written = json.loads(json.dumps(metrics.to_json(), allow_nan=False))
    figures = {"mRMSE": 0, "mRMSE_nz": None, "m_relRMSE": 0, "m_relRMSE_nz": None, "mae": 0, "exact": 1}
    assert written == {**figures, "per_category": {"cat": figures}}
    assert math.isnan(mean_over_categories(np.full(2, np.nan)))


@pytest.mark.parametrize(
    ("predicted", "true", "names", "message"),
    [
        (np.zeros((2, 3)), np.zeros((3, 3)), NAMES, "give both as N×K"),
        (np.zeros((0, 3)), np.zeros((0, 3)), NAMES, "no counts to score"),
        (np.zeros((2, 2)), np.zeros((2, 2)), NAMES, "2 columns of counts, but 3 categories"),
        (
            [[0, 0, math.nan]],
            np.zeros((1, 3)),
            NAMES,
            "must be finite, but the count at row 0, column 2 is nan",
        ),
        (np.zeros((1, 3)), [[0, math.inf, 0]], NAMES, "true counts must be finite.*column 1 is inf"),
        (np.zeros((1, 3)), [[0, 0, -1]], NAMES, "true counts must not be negative.*column 2 is -1"),
        ([[1e300, 0, 0]], np.zeros((1, 3)), NAMES, "at most 1e\\+12"),
        ([["a", "b", "c"]], np.zeros((1, 3)), NAMES, "not an array of numbers"),
        ([[1, 2], [3]], np.zeros((1, 3)), NAMES, "not an array of numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    predicted: Floats, true: Floats, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        count_metrics(predicted, true, names)
