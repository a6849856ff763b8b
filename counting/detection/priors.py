"""Counts as a prior for a detector: which boxes to keep, and their scores once the counts are known.

Two rules. ``top-n``: in each photo and category the n boxes of the highest scores, n the rounded count (CEOS,
"Counting to improve detection"). ``prior``: the calibrated scores say how many boxes are true (a Poisson-binomial
distribution), and so does the counter; the two are pooled, p(n) ∝ p_boxes(n)^(1 − t) · p_counter(n)^t (the
logarithmic opinion pool; Genest and Zidek 1986), and a box's new score is its probability under the pooled count.
The boxes to keep are those that reach a threshold of their category, fitted for F1.
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
from counting.stats.metrics import Floats, round_half_up
from counting.stats.partial_pooling import fit_partially_pooled
from counting.stats.poisson_binomial import count_probability, given_counts, groups_of_one_size
from counting_datasets.errors import DataError

FLOOR = 1e-12
"""Least probability of a count."""

EDGE = 1e-4
"""Distance from 0 and 1 below which scores are not told apart."""

PULLS = (1.0, 10.0, 100.0)
"""Strengths with which a category's calibration may be drawn towards the shared one."""

TRUSTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the counter in the pool that may be chosen."""


def top_n(detections: Detections, counts: Floats) -> NDArray[np.bool_]:
    """D flags: in each photo and category the n boxes of the highest scores; n is the rounded count (N×K, raw)."""
    n = round_half_up(counts)[detections.image, detections.category]
    return np.asarray(detections.rank < n)


@dataclass(frozen=True, eq=False)
class CountPrior:
    """The rule ``prior``, for one detector and one counter.

    Attributes:
        categories: K names.
        weights: K×2, constant and slope: a box of score s is true with probability σ(w₀ + w₁ · logit s) before
            the counter is heard.
        trust: the share t of the counter in the pool, 0 to 1.
        thresholds: K new scores from which on boxes are kept; without them, those that maximise the expected F1.
    """

    categories: tuple[str, ...]
    weights: Floats
    trust: float
    thresholds: Floats | None = None

    def rescore(self, detections: Detections, distribution: NDArray[np.floating]) -> Floats:
        """D new scores, from ``distribution``: N×K×(L + 1), the counter's probabilities of 0, 1, …, L or more.

        Raises:
            DataError: boxes or distributions are not of the same photos and categories.
        """
        shape = (len(detections.images), len(self.categories))
        if detections.categories != self.categories or distribution.shape[:2] != shape:
            raise DataError(f"boxes, counts and prior are not of the same photos and {shape[1]} categories")
        return pooled(detections, calibrated(detections, self.weights), distribution, self.trust)

    def keep(
        self, detections: Detections, scores: Floats, distribution: NDArray[np.floating]
    ) -> NDArray[np.bool_]:
        """D flags, from the new ``scores``."""
        if self.thresholds is not None:
            return np.asarray(scores >= self.thresholds[detections.category])
        counts = np.arange(distribution.shape[2])
        return _of_best_expected_f1(detections, scores, (distribution @ counts).sum(axis=0))


def fit_prior(detections: Detections, objects: Objects, distribution: NDArray[np.floating]) -> CountPrior:
    """The prior of a detector and a counter, from their boxes and counts of the validation photos and the truth.

    Trust, and how strongly each category's calibration is drawn towards the shared one, are chosen by the log
    score of the boxes in cross-validation; the thresholds have the greatest F1.

    Raises:
        DataError: there is no box to fit on.
    """
    labels = match(detections, objects)
    scored = labels != IGNORED
    true = labels == TRUE
    if not true.any() or true[scored].all():
        raise DataError("the boxes to fit on must have true and false ones among them")
    in_left = [np.isin(detections.image, left) for _, left in folds(len(detections.images))]

    def held_out(pull: float) -> Floats:
        found = np.empty(len(detections))
        for left in in_left:
            weights = _fit(detections.where(scored & ~left), true[scored & ~left], pull)
            found[left] = calibrated(detections.where(left), weights)
        return found

    by_pull = {pull: held_out(pull) for pull in PULLS}
    pull = min(PULLS, key=lambda one: _log_score(by_pull[one][scored], true[scored]))
    by_trust = {trust: pooled(detections, by_pull[pull], distribution, trust) for trust in TRUSTS}
    trust = min(TRUSTS, key=lambda one: _log_score(by_trust[one][scored], true[scored]))
    weights = _fit(detections.where(scored), true[scored], pull)
    scores = pooled(detections, calibrated(detections, weights), distribution, trust)
    return CountPrior(detections.categories, weights, trust, f1_thresholds(detections, scores, labels, objects))


def fit_box_probabilities(detections: Detections, objects: Objects) -> Floats:
    """K×2 weights of ``calibrated``, from the boxes of annotated photos.

    Raises:
        DataError: no box is true, or none is false.
    """
    labels = match(detections, objects)
    scored, true = labels != IGNORED, labels == TRUE
    if not true.any() or true[scored].all():
        raise DataError("the boxes to fit on must have true and false ones among them")
    return _fit(detections.where(scored), true[scored], pull=1.0)


def calibrated(detections: Detections, weights: Floats) -> Floats:
    """D probabilities of being true, from the scores alone; ``weights`` as in ``CountPrior``."""
    own = weights[detections.category]
    return np.asarray(expit(own[:, 0] + own[:, 1] * logit(detections.scores)))


def pooled(detections: Detections, true: Floats, distribution: NDArray[np.floating], trust: float) -> Floats:
    """D probabilities of being true, from those without the counter and its distributions (N×K×(L + 1))."""
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
    """G×(L + 1) probabilities of counts → G×(boxes + 1) of the number of true boxes: at most all of them."""
    counts = distribution.shape[1]
    if counts <= boxes + 1:
        return np.pad(distribution, ((0, 0), (0, boxes + 1 - counts)))
    return np.hstack([distribution[:, :boxes], distribution[:, boxes:].sum(axis=1, keepdims=True)])


def _of_best_expected_f1(detections: Detections, scores: Floats, expected: Floats) -> NDArray[np.bool_]:
    """By falling score, as many boxes of each category as maximise 2 Σ score / (boxes + ``expected`` objects)."""
    kept = np.zeros(len(detections), dtype=bool)
    for category in np.unique(detections.category):
        places = np.flatnonzero(detections.category == category)
        order = places[np.argsort(-scores[places], kind="stable")]
        f1 = scores[order].cumsum() / (np.arange(1, len(order) + 1) + expected[category])
        kept[order[: np.argmax(f1) + 1]] = True
    return kept


def logit(scores: Floats) -> Floats:
    """log s/(1 − s), for scores no nearer to 0 and 1 than ``EDGE``."""
    inside = scores.clip(EDGE, 1 - EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def _log_score(probability: Floats, true: NDArray[np.bool_]) -> float:
    """−log p, the mean over boxes."""
    return float(-np.log(np.where(true, probability, 1 - probability).clip(FLOOR)).mean())


def _fit(detections: Detections, true: NDArray[np.bool_], pull: float) -> Floats:
    """K×2 weights of ``CountPrior``; how strongly they are drawn to shared ones is ``pull``."""
    design = torch.from_numpy(np.stack([np.ones(len(detections)), logit(detections.scores)], axis=1))
    target, category = torch.from_numpy(true).double(), torch.from_numpy(detections.category)

    def surprise(weights: torch.Tensor) -> torch.Tensor:
        logits = (design * weights[category]).sum(dim=1)
        return binary_cross_entropy_with_logits(logits, target, reduction="sum")

    found = fit_partially_pooled(surprise, design.new_zeros(2), len(detections.categories), pull)
    return np.asarray(found.numpy(), dtype=np.float64)
