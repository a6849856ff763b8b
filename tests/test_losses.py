"""Losses on counts against NumPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from counting.losses import CountLoss, Kind, Part

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
