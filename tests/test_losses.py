"""Losses on counts against NumPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from counting.networks.losses import CountLoss, Kind, Part, balancing_weights
from counting_datasets.errors import CountingError

random = np.random.default_rng(0)
RAW = random.normal(scale=2, size=(5, 4, 3))
TARGET = np.abs(random.normal(size=(5, 4, 3)))


def error(kind: Kind, difference: NDArray[np.float64], beta: float) -> float:
    if kind == "mse":
        return float((difference**2).mean())
    size = np.abs(difference)
    return float(np.where(size < beta, size**2 / (2 * beta), size - beta / 2).mean())


@pytest.mark.parametrize("kind", ["huber", "mse"])
@pytest.mark.parametrize("on", [("cells",), ("sum",), ("cells", "sum")])
@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_errors_of_cells_and_of_their_sum_are_added(kind: Kind, on: tuple[Part, ...], beta: float) -> None:
    parts = {"cells": RAW - TARGET, "sum": RAW.sum(axis=1) - TARGET.sum(axis=1)}
    expected = sum(error(kind, parts[part], beta) for part in on)
    found = CountLoss(kind, on, beta)(torch.from_numpy(RAW), torch.from_numpy(TARGET))
    assert float(found) == pytest.approx(expected, rel=1e-9)


def test_huber_has_slope_one_beyond_beta_and_none_at_the_target() -> None:
    raw = torch.tensor([[[0.0], [10.0], [-10.0]]], requires_grad=True)
    CountLoss("huber", ("cells",))(raw, torch.zeros(1, 3, 1)).backward()
    assert raw.grad is not None
    assert (raw.grad.flatten() * 3).tolist() == pytest.approx([0, 1, -1])


def test_errors_that_cancel_between_cells_cost_nothing_in_the_sum() -> None:
    raw, target = torch.tensor([[[2.0], [0.0]]]), torch.tensor([[[0.0], [2.0]]])
    assert float(CountLoss("mse", ("sum",))(raw, target)) == 0
    assert float(CountLoss("mse", ("cells",))(raw, target)) == 4


def test_a_coarser_grid_sums_the_cells_that_it_covers() -> None:
    raw = np.arange(16.0).reshape(1, 16, 1)
    by_hand = np.array([0 + 1 + 4 + 5, 2 + 3 + 6 + 7, 8 + 9 + 12 + 13, 10 + 11 + 14 + 15], dtype=float)
    found = CountLoss("mse", (2,))(torch.from_numpy(raw), torch.zeros(1, 16, 1, dtype=torch.float64))
    assert float(found) == pytest.approx((by_hand**2).mean())


def test_one_and_all_cells_a_side_are_the_sum_and_the_cells() -> None:
    raw, target = torch.from_numpy(RAW), torch.from_numpy(TARGET)
    assert CountLoss("mse", (1,))(raw, target) == CountLoss("mse", ("sum",))(raw, target)
    assert CountLoss("mse", (2,))(raw, target) == CountLoss("mse", ("cells",))(raw, target)


def test_cells_that_make_up_no_coarser_grid_are_an_error() -> None:
    with pytest.raises(CountingError, match=r"loss.on: 2 × 2 cells cannot be merged into 3 × 3"):
        CountLoss("mse", (3,))(torch.from_numpy(RAW), torch.from_numpy(TARGET))


@pytest.mark.parametrize("kind", ["huber", "mse"])
def test_weights_are_the_categories_shares_in_the_error(kind: Kind) -> None:
    weights = np.array([0.0, 2.5, 0.5])
    expected = (
        sum(error(kind, (RAW - TARGET)[..., category], 0.5) * weights[category] for category in range(3)) / 3
    )
    loss = CountLoss(kind, ("cells",), weights=torch.from_numpy(weights))
    assert float(loss(torch.from_numpy(RAW), torch.from_numpy(TARGET))) == pytest.approx(expected)


def test_balancing_weights_even_out_the_spread_of_the_counts() -> None:
    counts = random.poisson([0.1, 1, 20], size=(500, 3))
    weights = balancing_weights(counts).numpy()
    assert weights.mean() == pytest.approx(1)
    evened = weights * counts.std(axis=0)
    assert evened == pytest.approx(np.full(3, evened[0]), rel=1e-5)


def test_a_category_without_spread_weighs_no_more_than_the_others() -> None:
    weights = balancing_weights([[0, 0, 0], [0, 1, 3]]).tolist()
    assert weights[0] == weights[1] > weights[2]
    assert balancing_weights([[1, 2], [1, 2]]).tolist() == [1, 1]
