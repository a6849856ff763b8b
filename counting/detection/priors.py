"""Counts as a prior for a detector: choose the boxes to keep and rescore them, given the counts.

There are two rules. ``top-n`` keeps, in each photo and category, the n boxes with the highest scores, where n is
the rounded count (CEOS, "Counting to improve detection"). ``prior`` combines two distributions of the number of
true boxes, one from the calibrated scores (Poisson-binomial) and one from the counter, in a logarithmic opinion
pool, p(n) ∝ p_boxes(n)^(1 − t) · p_counter(n)^t (Genest and Zidek 1986). The new score of a box is its probability
under the pooled distribution; boxes that reach a threshold of their category, fitted for F1, are kept.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch.nn.functional import binary_cross_entropy_with_logits

from counting.detection.detections import Detections
from counting.detection.matching import IGNORED, TRUE, Objects, f1_thresholds, match
from counting.stats.least_squares import folds
from counting.stats.metrics import Floats, Ints, round_half_up
from counting.stats.partial_pooling import fit_partially_pooled
from counting.stats.poisson_binomial import count_probability, given_counts, groups_of_one_size
from counting_datasets.errors import DataError

FLOOR = 1e-12
"""Minimum probability of a count."""

EDGE = 1e-4
"""Minimum distance of a score from 0 and 1, to keep its logit finite."""

STRENGTHS = (1.0, 10.0, 100.0)
"""Candidate strengths of the shrinkage of a category's calibration towards the shared one."""

TRUSTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Candidate weights of the counter in the opinion pool."""


def top_n(detections: Detections, counts: Floats) -> NDArray[np.bool_]:
    """D flags of the n boxes with the highest scores per photo and category; ``counts`` (N×K, raw) give n."""
    n = round_half_up(counts)[detections.image, detections.category]
    return np.asarray(detections.rank < n)


@dataclass(frozen=True, eq=False)
class CountPrior:
    """The rule ``prior`` for a detector and a counter.

    Attributes:
        categories: K names.
        weights: K×2, intercept and slope: without the counts, a box with score s is true with probability
            σ(w₀ + w₁ · logit s).
        trust: the weight t of the counter in the opinion pool, 0 to 1.
        thresholds: K thresholds on the new scores; if None, the boxes that maximise the expected F1 are kept.
    """

    categories: tuple[str, ...]
    weights: Floats
    trust: float
    thresholds: Floats | None = None

    def rescore(self, detections: Detections, distribution: NDArray[np.floating]) -> Floats:
        """D new scores; ``distribution`` (N×K×(L + 1)) has the counter's probabilities of 0, 1, …, L or more.

        Raises:
            DataError: boxes, distributions and prior have different photos or categories.
        """
        shape = (len(detections.images), len(self.categories))
        if detections.categories != self.categories or distribution.shape[:2] != shape:
            raise DataError(
                f"boxes, counts and prior have different photos, or categories other than the prior's {shape[1]}"
            )
        return pooled(detections, calibrated(detections, self.weights), distribution, self.trust)

    def keep(
        self, detections: Detections, scores: Floats, distribution: NDArray[np.floating]
    ) -> NDArray[np.bool_]:
        """D flags of the boxes to keep, given the new ``scores``."""
        if self.thresholds is not None:
            return np.asarray(scores >= self.thresholds[detections.category])
        counts = np.arange(distribution.shape[2])
        return _of_best_expected_f1(detections, scores, (distribution @ counts).sum(axis=0))


def fit_prior(detections: Detections, objects: Objects, distribution: NDArray[np.floating]) -> CountPrior:
    """Fit the prior on a detector's boxes, the true objects and a counter's distributions on validation photos.

    The trust and the strength of the shrinkage are chosen by the log score of the boxes in cross-validation; the
    thresholds maximise F1.

    Raises:
        DataError: no box is true, or none is false.
    """
    labels, scored, true = _labelled(detections, objects)
    in_left = [np.isin(detections.image, left) for _, left in folds(len(detections.images))]

    def held_out(strength: float) -> Floats:
        found = np.empty(len(detections))
        for left in in_left:
            weights = _fit(detections.where(scored & ~left), true[scored & ~left], strength)
            found[left] = calibrated(detections.where(left), weights)
        return found

    by_strength = {strength: held_out(strength) for strength in STRENGTHS}
    strength = min(STRENGTHS, key=lambda one: _log_score(by_strength[one][scored], true[scored]))
    by_trust = {trust: pooled(detections, by_strength[strength], distribution, trust) for trust in TRUSTS}
    trust = min(TRUSTS, key=lambda one: _log_score(by_trust[one][scored], true[scored]))
    weights = _fit(detections.where(scored), true[scored], strength)
    scores = pooled(detections, calibrated(detections, weights), distribution, trust)
    return CountPrior(detections.categories, weights, trust, f1_thresholds(detections, scores, labels, objects))


def fit_box_probabilities(detections: Detections, objects: Objects) -> Floats:
    """K×2 weights for ``calibrated``, fitted on the boxes of annotated photos.

    Raises:
        DataError: no box is true, or none is false.
    """
    _, scored, true = _labelled(detections, objects)
    return _fit(detections.where(scored), true[scored], strength=1.0)


def _labelled(detections: Detections, objects: Objects) -> tuple[Ints, NDArray[np.bool_], NDArray[np.bool_]]:
    """D labels of ``match``, and D flags of the boxes to score and of the true boxes."""
    labels = match(detections, objects)
    scored, true = labels != IGNORED, labels == TRUE
    if not true.any() or true[scored].all():
        raise DataError("the boxes to fit on must include both true and false ones")
    return labels, scored, true


def calibrated(detections: Detections, weights: Floats) -> Floats:
    """D probabilities that a box is true, from its score only; ``weights`` as in ``CountPrior``."""
    own = weights[detections.category]
    return np.asarray(expit(own[:, 0] + own[:, 1] * logit(detections.scores)))


def pooled(detections: Detections, true: Floats, distribution: NDArray[np.floating], trust: float) -> Floats:
    """D probabilities that a box is true, after pooling ``true`` with the counter's ``distribution``."""
    by_group = distribution.reshape(-1, distribution.shape[2])
    found = np.empty(len(detections))
    for groups, places in groups_of_one_size(detections.groups):
        boxes = true[places]
        theirs = at_most(by_group[groups].astype(np.float64), places.shape[1])
        log_ratio = np.log(theirs + FLOOR) - np.log(count_probability(boxes) + FLOOR)
        log_weight = trust * log_ratio
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        found[places] = given_counts(boxes, weight)
    return found


def at_most(distribution: Floats, boxes: int) -> Floats:
    """G×(L + 1) probabilities of counts → G×(boxes + 1), with the tail summed into the last."""
    counts = distribution.shape[1]
    if counts <= boxes + 1:
        return np.pad(distribution, ((0, 0), (0, boxes + 1 - counts)))
    return np.hstack([distribution[:, :boxes], distribution[:, boxes:].sum(axis=1, keepdims=True)])


def _of_best_expected_f1(detections: Detections, scores: Floats, expected: Floats) -> NDArray[np.bool_]:
    """D flags of the boxes that maximise the expected F1, 2 Σ score / (boxes + ``expected`` objects)."""
    kept = np.zeros(len(detections), dtype=bool)
    for category in np.unique(detections.category):
        places = np.flatnonzero(detections.category == category)
        order = places[np.argsort(-scores[places], kind="stable")]
        f1 = scores[order].cumsum() / (np.arange(1, len(order) + 1) + expected[category])
        kept[order[: np.argmax(f1) + 1]] = True
    return kept


def logit(scores: Floats) -> Floats:
    """log(s/(1 − s)), with scores clipped to ``EDGE`` from 0 and 1."""
    inside = scores.clip(EDGE, 1 - EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def _log_score(probability: Floats, true: NDArray[np.bool_]) -> float:
    """The mean of −log p over boxes."""
    return float(-np.log(np.where(true, probability, 1 - probability).clip(FLOOR)).mean())


def _fit(detections: Detections, true: NDArray[np.bool_], strength: float) -> Floats:
    """K×2 weights of ``CountPrior``, shrunk towards shared ones by ``strength``."""
    design = torch.from_numpy(np.stack([np.ones(len(detections)), logit(detections.scores)], axis=1))
    target, category = torch.from_numpy(true).double(), torch.from_numpy(detections.category)

    def negative_log_likelihood(weights: torch.Tensor) -> torch.Tensor:
        logits = (design * weights[category]).sum(dim=1)
        return binary_cross_entropy_with_logits(logits, target, reduction="sum")

    found = fit_partially_pooled(
        negative_log_likelihood, design.new_zeros(2), len(detections.categories), strength
    )
    return np.asarray(found.numpy(), dtype=np.float64)
