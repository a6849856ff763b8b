"""Scores calibrated by counts alone: the likelihood by hand, its gradient, and a detector found again."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import poisson as scipys_poisson

from counting.detection.count_calibration import TRUST, _marginal, poisson, prior_from_counts
from counting.detection.detections import Detections


def boxes_of(scores: np.ndarray) -> Detections:
    """N×B scores: the boxes of N photos, of one category."""
    photos, each = scores.shape
    return Detections(
        images=tuple(map(str, range(photos))),
        categories=("cat",),
        image=np.repeat(np.arange(photos), each),
        category=np.zeros(photos * each, dtype=np.int64),
        boxes=np.tile([0.0, 0.0, 1.0, 1.0], (photos * each, 1)),
        scores=scores.ravel(),
    )


def a_detector(photos: int, weights: tuple[float, float]) -> tuple[Detections, np.ndarray]:
    """Boxes that are true with probability σ(w₀ + w₁ logit s), and how many are, photo by photo."""
    random = np.random.default_rng(0)
    scores = random.uniform(0.02, 0.98, size=(photos, 5))
    logits = np.log(scores / (1 - scores))
    true = random.uniform(size=scores.shape) < 1 / (1 + np.exp(-(weights[0] + weights[1] * logits)))
    return boxes_of(scores), true.sum(axis=1)


def test_the_likelihood_is_that_of_two_boxes_by_hand() -> None:
    """Boxes are true with .5 and .8: none with .1, one with .5, both with .4. The counter says .2, .5 and .3."""
    logits = np.log([[1.0, 4.0]])
    count = np.array([[0.2, 0.5, 0.3]])
    total, _ = _marginal(np.array([0.0, 1.0]), [(logits, count)])
    assert total == pytest.approx(np.log(0.1 * 0.2 + 0.5 * 0.5 + 0.4 * 0.3))


def test_the_gradient_is_that_of_finite_differences() -> None:
    random = np.random.default_rng(0)
    parts = [(random.normal(size=(4, boxes)), random.dirichlet(np.ones(boxes + 1), size=4)) for boxes in (1, 3, 6)]
    weights = np.array([-0.3, 1.4])
    slope = approx_fprime(weights, lambda w: _marginal(w, parts)[0])
    assert _marginal(weights, parts)[1] == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("weights", [(0.0, 1.0), (-1.0, 3.0), (1.5, 0.6)])
def test_what_made_the_boxes_is_nearly_found_again_from_counts(weights: tuple[float, float]) -> None:
    found, counts = a_detector(600, weights)
    prior = prior_from_counts(found, np.eye(6)[counts][:, None])
    assert prior.weights[0] == pytest.approx(weights, abs=0.5)
    assert (prior.trust, prior.thresholds) == (TRUST, None)


def test_without_photos_or_boxes_scores_stay_probabilities() -> None:
    for photos in (0, 3):
        prior = prior_from_counts(boxes_of(np.zeros((photos, 0))), np.ones((photos, 1, 4)) / 4)
        assert prior.weights.tolist() == [[0, 1]]


def test_a_few_photos_hardly_move_the_scores() -> None:
    found, counts = a_detector(2, (-1.0, 3.0))
    prior = prior_from_counts(found, np.eye(6)[counts][:, None])
    assert prior.weights[0] == pytest.approx((0, 1), abs=0.5)


def test_counts_that_say_nothing_of_how_sure_they_are_are_poissons() -> None:
    found = poisson(np.array([[0.0, 2.5], [-1.0, 1e9]]))
    assert found.sum(axis=2) == pytest.approx(1)
    assert found[0, 1, :9] == pytest.approx(scipys_poisson.pmf(np.arange(9), 2.5))
    assert found[0, 0, 0] == found[1, 0, 0] == pytest.approx(np.exp(-0.03))
    assert found.shape[2] < 300
    assert poisson(np.zeros((0, 2))).shape[:2] == (0, 2)
