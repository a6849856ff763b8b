"""The torchmetrics adapter agrees with `counting.evaluate`, over batches and over processes."""

import numpy as np
import pytest
import torch
from count_rmse import CountRMSE

from counting.evaluation.arrays import evaluate
from counting.stats.metrics import FIGURES


@pytest.fixture
def counts() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    true = torch.from_numpy(rng.poisson(0.7, size=(60, 4)))
    return true + torch.from_numpy(rng.normal(0, 0.8, size=true.shape)), true


@pytest.mark.parametrize("rounded", [True, False])
def test_batches_give_the_scores_of_the_whole(counts: tuple[torch.Tensor, torch.Tensor], rounded: bool) -> None:
    metric = CountRMSE(categories=4, rounded=rounded)
    for predicted, true in zip(*(each.split(7) for each in counts), strict=True):
        metric.update(predicted, true)
    expected = evaluate(*counts, rounded=rounded)
    assert {name: float(value) for name, value in metric.compute().items()} == pytest.approx(
        {name: getattr(expected, name) for name in FIGURES}
    )


def test_processes_add_up_their_states(counts: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Distributed data parallel gathers each state and reduces it as the state says."""
    shares = [CountRMSE(categories=4, sync_on_compute=False) for _ in range(2)]
    for rank, metric in enumerate(shares):
        metric.update(*(each[rank::2] for each in counts))
    gathered = {name: [getattr(metric, name) for metric in shares] for name in ("sums",)}

    def gather(state: torch.Tensor, group: object) -> list[torch.Tensor]:
        return next(states for states in gathered.values() if states[0] is state)

    shares[0].sync(dist_sync_fn=gather, distributed_available=lambda: True)
    expected = evaluate(*counts)
    assert float(shares[0].compute()["mRMSE"]) == pytest.approx(expected.mRMSE)
    assert float(shares[0].compute()["exact"]) == pytest.approx(expected.exact)
