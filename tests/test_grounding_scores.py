"""Whether a counter's importance agrees with people's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr
from tiny import CATEGORIES, tiny_cells
from torch import Tensor, nn

from counting.networks.counters import Counter, build_counter
from counting.training.hint.scores import grounding_scores, rank_correlation


@given(*[arrays(np.float64, 9, elements=some.integers(-3, 3).map(float))] * 2)
def test_rank_correlation_is_spearmans(one: np.ndarray, other: np.ndarray) -> None:
    if np.ptp(one) and np.ptp(other):
        assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    else:
        assert rank_correlation(one, other) == 0


class Looking(nn.Module):
    """Counts blue by the first cell's features most, red by the last one's."""

    def forward(self, features: Tensor) -> Tensor:
        total = features.sum(dim=2)
        weights = torch.tensor([4.0, 3.0, 2.0, 1.0])
        return torch.stack([total * weights, total * weights.flip(0)], dim=2)


def test_a_counter_that_looks_where_people_look_agrees_with_them() -> None:
    cells = tiny_cells()
    counter = Counter(cells, Looking(), CATEGORIES)
    features = torch.rand(4, cells.width)
    nobody = torch.zeros(4, 2)
    both = torch.tensor([[0.6, 0.6], [0.3, 0.3], [0.1, 0.1], [0.0, 0.0]])
    found = grounding_scores(counter, [(features, nobody), (features, both)])
    assert found.photo.tolist() == [1, 1]
    assert found.category.tolist() == [0, 1]
    assert found.correlation.tolist() == pytest.approx([1.0, -1.0])
    assert found.pointing.tolist() == [True, False]


def test_photos_on_which_people_marked_nothing_have_no_scores() -> None:
    counter = Counter(tiny_cells(), Looking(), CATEGORIES)
    for photos in ([], [(torch.rand(4, counter.cells.width), torch.zeros(4, 2))]):
        found = grounding_scores(counter, photos)
        for values in (found.photo, found.category, found.correlation, found.pointing):
            assert values.shape == (0,)
        assert found.pointing.dtype == np.bool_


def test_a_counter_in_training_is_scored_in_evaluation_mode_wherever_it_is_called() -> None:
    torch.manual_seed(0)
    counter = build_counter("aso_sub", tiny_cells(), CATEGORIES, {"hidden": [8], "dropout": 0.5}).train()
    features, human = torch.rand(4, counter.cells.width), torch.rand(4, 2)
    with torch.inference_mode():
        first, second = (grounding_scores(counter, [(features, human)]) for _ in range(2))
    assert first.correlation.tolist() == second.correlation.tolist()
    assert counter.training
    assert counter.head.training
