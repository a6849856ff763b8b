"""Distributions of counts: what they say, against SciPy, and whether they are right, on counts made to measure."""

import numpy as np
import pytest
import torch
from scipy.stats import nbinom
from torch import Tensor

from counting.evaluation.distribution_scores import distribution_scores
from counting.stats.count_distribution import (
    LOG_OFFSET,
    Calibration,
    CountDistribution,
    fit_calibration,
    hurdle,
)
from counting_datasets.errors import DataError

WEIGHTS = torch.tensor([[0.5, 2.0, 0.3, -0.4, 0.9, -0.5], [-2.0, 1.0, 0.0, 0.2, 1.1, 1.0]], dtype=torch.float64)
RAW = torch.tensor([[0.0, 0.3], [0.9, 2.5], [7.0, 30.0]], dtype=torch.float64)


def reference(x: float, weights: Tensor, largest: int) -> list[float]:
    """The hurdle model by SciPy, in the words of the module's docstring."""
    a0, a1, a2, b0, b1, r = weights.tolist()
    there = 1 / (1 + np.exp(-(a0 + a1 * np.log(x + LOG_OFFSET) + a2 * x)))
    mean, size = np.exp(b0 + b1 * np.log(x + LOG_OFFSET)), np.exp(r)
    further = nbinom(size, size / (size + mean))
    return [1 - there, *(there * further.pmf(n) for n in range(largest - 1)), there * further.sf(largest - 2)]


def test_the_hurdle_model_is_what_it_says() -> None:
    found = hurdle(RAW, WEIGHTS, 12).exp()
    expected = [[reference(float(x), w, 12) for x, w in zip(row, WEIGHTS, strict=True)] for row in RAW]
    assert found.numpy() == pytest.approx(np.array(expected), abs=1e-6)
    assert found.sum(dim=-1).numpy() == pytest.approx(1)


def test_negative_raw_counts_are_none() -> None:
    assert torch.equal(hurdle(-RAW, WEIGHTS, 12), hurdle(torch.zeros_like(RAW), WEIGHTS, 12))


def test_gradients_reach_the_raw_counts_and_the_weights() -> None:
    raw = (RAW + 0.1).requires_grad_()
    calibration = Calibration(WEIGHTS.clone(), largest=12)
    calibration(raw).mean.sum().backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    assert raw.grad is not None
    assert calibration.weights.grad is not None
    assert (raw.grad > 0).all()
    assert calibration.weights.grad.isfinite().all()


def of(*probability: float) -> CountDistribution:
    return CountDistribution(torch.tensor(probability, dtype=torch.float64).log())


def test_mean_quantiles_and_intervals_by_hand() -> None:
    spread = of(0.05, 0.2, 0.5, 0.2, 0.05)
    assert float(spread.mean) == pytest.approx(2)
    assert [int(spread.quantile(level)) for level in (0.05, 0.06, 0.5, 0.76, 1)] == [0, 1, 2, 3, 4]
    assert [int(end) for end in spread.interval(0.8)] == [1, 3]
    assert [int(end) for end in spread.interval(0.95)] == [0, 4]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_an_interval_holds_at_least_its_level(seed: int, level: float) -> None:
    probability = np.random.default_rng(seed).dirichlet(np.full(12, 0.3))
    low, high = (int(end) for end in of(*probability).interval(level))
    assert probability[low : high + 1].sum() >= level - 1e-9
    assert low <= high


def test_scores_by_hand() -> None:
    spread = of(0.05, 0.2, 0.5, 0.2, 0.05)
    assert float(spread.log_score(torch.tensor(3))) == pytest.approx(-np.log(0.2))
    reached = np.cumsum([0.05, 0.2, 0.5, 0.2, 0.05])
    expected = ((reached - [0, 0, 0, 1, 1]) ** 2).sum()
    assert float(spread.ranked_probability_score(torch.tensor(3))) == pytest.approx(expected)


def test_of_a_sure_count_the_ranked_probability_score_is_the_absolute_error() -> None:
    sure = of(0, 0, 1, 0, 0, 0)
    scores = [float(sure.ranked_probability_score(torch.tensor(true))) for true in range(6)]
    assert scores == pytest.approx([2, 1, 0, 1, 2, 3])


def test_the_integral_transform_fills_the_step_of_the_true_count() -> None:
    spread = of(0.05, 0.2, 0.5, 0.2, 0.05)
    ends = [float(spread.integral_transform(torch.tensor(2), torch.tensor(u))) for u in (0.0, 1.0)]
    assert ends == pytest.approx([0.25, 0.75])


def test_a_count_beyond_the_largest_is_the_largest() -> None:
    spread = of(0.5, 0.3, 0.2)
    assert float(spread.log_score(torch.tensor(70))) == pytest.approx(-np.log(0.2))


def made_to_measure(photos: int, seed: int, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Raw counts, many near 0, and true ones drawn from the model with ``weights``."""
    generator = torch.Generator().manual_seed(seed)
    raw = torch.rand(photos, len(weights), generator=generator, dtype=torch.float64).pow(4) * 8
    probability = hurdle(raw, weights, 60).exp()
    true = torch.multinomial(probability.flatten(0, 1), 1, generator=generator).reshape(raw.shape)
    return raw, true.double()


def test_fitted_distributions_are_nearly_as_good_as_the_ones_that_made_the_counts() -> None:
    weights = WEIGHTS.repeat(3, 1)
    calibration = fit_calibration(*made_to_measure(1500, 0, weights))
    raw, true = made_to_measure(4000, 1, weights)
    with torch.no_grad():
        fitted = calibration(raw.float())
    perfect = CountDistribution(hurdle(raw, weights, 60))
    assert fitted.log_score(true).mean() < perfect.log_score(true).mean() + 0.005
    uniform = torch.rand(true.shape, generator=torch.Generator().manual_seed(2))
    transformed = fitted.integral_transform(true, uniform).flatten().sort().values
    assert (transformed - torch.linspace(0, 1, len(transformed))).abs().max() < 0.02
    for level in (0.8, 0.95):
        low, high = fitted.interval(level)
        assert ((low <= true) & (true <= high)).double().mean() > level - 0.01


def test_coverage_is_what_the_intervals_promise() -> None:
    raw, true = made_to_measure(3000, 3, WEIGHTS)
    right = hurdle(raw, WEIGHTS, 60).exp().float().numpy()
    scores = distribution_scores(right, true.numpy())
    assert [one.randomized for one in scores.coverage] == pytest.approx([0.8, 0.95], abs=0.015)
    assert all(one.plain >= one.level for one in scores.coverage)
    assert np.histogram(scores.transforms, 10, (0, 1))[0] / true.numel() == pytest.approx(
        np.full(10, 0.1), abs=0.01
    )
    too_sure = np.roll(right, 1, axis=-1)
    worse = distribution_scores(too_sure, true.numpy())
    assert worse.log_score > scores.log_score
    assert worse.ranked_probability_score > scores.ranked_probability_score
    assert abs(worse.coverage[0].randomized - 0.8) > 0.05


def test_scores_are_means_over_pairs() -> None:
    distribution = np.array([[[0.5, 0.3, 0.2], [1, 0, 0]]], dtype=np.float32)
    scores = distribution_scores(distribution, np.array([[2.0, 0.0]]))
    assert scores.log_score == pytest.approx(-np.log(0.2) / 2, abs=1e-6)
    assert scores.ranked_probability_score == pytest.approx((0.25 + 0.64) / 2, abs=1e-6)
    assert scores.coverage[0].plain == 1
    assert scores.coverage[0].occurring == 1
    assert scores.coverage[0].width == 3


def test_a_category_never_seen_is_like_the_others() -> None:
    raw, true = made_to_measure(1500, 0, WEIGHTS[:1].repeat(4, 1))
    raw[:, 3], true[:, 3] = 0, 0
    with torch.no_grad():
        means = fit_calibration(raw, true)(torch.full((1, 4), 3.0)).mean[0]
    assert means[3] == pytest.approx(float(means[:3].mean()), rel=0.3)


def test_counts_that_hardly_spread_are_no_trouble_in_single_precision() -> None:
    true = torch.arange(300).remainder(5)[:, None].double()
    noise = torch.rand(true.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5
    calibration = fit_calibration((true + noise * 0.6).clamp(min=0), true)
    with torch.no_grad():
        means = calibration(torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0]])).mean[:, 0]
    assert means.tolist() == pytest.approx([0, 1, 2, 3, 4], abs=0.3)


def test_what_cannot_be_calibrated_on_is_an_error() -> None:
    with pytest.raises(DataError, match="4 photos are too few for calibration: at least 5"):
        fit_calibration(torch.zeros(4, 2), torch.zeros(4, 2))
    with pytest.raises(DataError, match=r"raw counts are \(9, 2\), but true counts are \(9, 3\)"):
        fit_calibration(torch.zeros(9, 2), torch.zeros(9, 3))
