"""Calibrate a detector's scores using counts only, without annotated objects.

A box with score s is true with probability σ(w₀ + w₁ · logit s). The number of true boxes of a photo and category
is then Poisson-binomial, p_w(n), and the counter's probability of n is q(n). The weights maximise the marginal
likelihood, Σ log Σₙ q(n) p_w(n) over photos and categories. (As in learning from label proportions: Quadrianto et
al. 2009.) A normal prior around the identity, where scores are probabilities, stabilises them for few photos.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, gammaln

from counting.detection.detections import Detections
from counting.detection.priors import FLOOR, CountPrior, at_most, logit
from counting.stats.metrics import Floats
from counting.stats.poisson_binomial import count_probability, given_counts, groups_of_one_size

TRUST = 0.5
"""Weight of the counter in the opinion pool."""

MAX_PHOTOS = 500
"""Maximum number of photos to calibrate on; two weights need no more."""

MIN_MEAN = 0.03
"""Minimum mean of a Poisson distribution of counts, as a count of 0 may be wrong."""

MAX_MEAN = 150.0
"""Maximum mean of a Poisson distribution; photos have fewer boxes of a category."""

_START = np.array([0.0, 1.0])
"""Weights under which scores are probabilities."""

_PRIOR_PRECISION = 10.0
"""Inverse variance of the weights around ``_START``."""


def prior_from_counts(detections: Detections, distribution: NDArray[np.floating]) -> CountPrior:
    """The count prior of a detector and a counter, from boxes and count distributions (N×K×(L + 1)).

    All categories share one calibration. Without thresholds, the prior keeps the boxes that maximise expected F1.
    """
    photos = len(detections.images)
    rows = np.linspace(0, photos - 1, min(photos, MAX_PHOTOS)).astype(np.int64)
    sample = detections.in_photos(rows)
    by_group = distribution[rows].reshape(-1, distribution.shape[2]).astype(np.float64)
    logits = logit(sample.scores)
    parts = [
        (logits[places], at_most(by_group[groups], places.shape[1]) + FLOOR)
        for groups, places in groups_of_one_size(sample.groups)
    ]

    def loss(weights: Floats) -> tuple[float, Floats]:
        total, slope = _marginal(weights, parts)
        away = weights - _START
        return _PRIOR_PRECISION / 2 * float(away @ away) - total, _PRIOR_PRECISION * away - slope

    found = minimize(loss, _START, jac=True, method="L-BFGS-B", bounds=[(None, None), (0, None)]).x
    return CountPrior(detections.categories, np.tile(found, (len(detections.categories), 1)), TRUST)


def poisson(counts: Floats) -> Floats:
    """N×K×(L + 1) Poisson distributions whose means are raw ``counts`` (N×K), for counts without distributions."""
    means = counts.clip(MIN_MEAN, MAX_MEAN)
    largest = means.max(initial=0)
    n = np.arange(np.ceil(largest + 6 * np.sqrt(largest)) + 2)
    distribution = np.exp(n * np.log(means)[..., None] - means[..., None] - gammaln(n + 1))
    return np.asarray(distribution / distribution.sum(axis=2, keepdims=True))


def _marginal(weights: Floats, parts: list[tuple[Floats, Floats]]) -> tuple[float, Floats]:
    """The log-likelihood and its gradient; each part has G×B logits of scores and G×(B + 1) weights of counts.

    The gradient by the logit of a box is its probability given the count minus its probability without.
    """
    total, slope = 0.0, np.zeros(2)
    for logits, count_weight in parts:
        true = expit(weights[0] + weights[1] * logits)
        total += float(np.log((count_probability(true) * count_weight).sum(axis=1)).sum())
        change = given_counts(true, count_weight) - true
        slope += change.sum(), (change * logits).sum()
    return total, slope
