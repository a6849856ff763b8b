"""Scores of count distributions: proper scoring rules, and the coverage of intervals."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from counting.stats.count_distribution import CountDistribution
from counting.stats.metrics import finite_or_none

LEVELS = (0.8, 0.95)
"""Levels of the intervals whose coverage is measured."""


@dataclass(frozen=True)
class Coverage:
    """The coverage of intervals of ``level``: how often they contain the true count.

    Counts are integers, so an interval covers more than its level, above all for counts that are almost certainly
    0. The randomized integral transform corrects for this.

    Attributes:
        randomized: share of pairs whose randomized integral transform is within the central ``level``.
        plain: share of pairs whose true count is in the interval.
        occurring: the same among pairs with a true count above 0; NaN if there are none.
        width: mean number of counts in an interval, among those pairs.
    """

    level: float
    randomized: float
    plain: float
    occurring: float
    width: float


@dataclass(frozen=True, eq=False)
class DistributionScores:
    """Means over the pairs of image and category whose true count is known.

    Attributes:
        log_score: −log p(c).
        ranked_probability_score: Σ_n (p(c ≤ n) − [true ≤ n])².
        transforms: randomized integral transforms, one per pair; uniform on (0, 1) if the distributions are right.
    """

    log_score: float
    ranked_probability_score: float
    coverage: tuple[Coverage, ...]
    transforms: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """The entry ``distribution`` of results.json."""
        coverage = [{key: finite_or_none(value) for key, value in asdict(one).items()} for one in self.coverage]
        return {
            "log_score": self.log_score,
            "ranked_probability_score": self.ranked_probability_score,
            "coverage": coverage,
        }


def distribution_scores(
    distribution: NDArray[np.float32],
    true: NDArray[np.float64],
    known: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> DistributionScores:
    """Score N×K×(L + 1) distributions against N×K true counts; only those flagged ``known``, by default all.

    ``seed`` is the seed of the randomized transform.
    """
    if known is not None:
        distribution, true = distribution[known], true[known]
    predicted = CountDistribution(torch.from_numpy(distribution).double().clamp(min=1e-12).log())
    counts = torch.from_numpy(true)
    uniform = torch.from_numpy(np.random.default_rng(seed).random(true.shape))
    transforms = predicted.integral_transform(counts, uniform).numpy()
    return DistributionScores(
        float(predicted.log_score(counts).mean()),
        float(predicted.ranked_probability_score(counts).mean()),
        tuple(_coverage(predicted, true, transforms, level) for level in LEVELS),
        transforms,
    )


def _coverage(
    predicted: CountDistribution, true: NDArray[np.float64], transforms: NDArray[np.float64], level: float
) -> Coverage:
    low, high = (end.numpy() for end in predicted.interval(level))
    largest = predicted.log_probability.shape[-1] - 1
    held = (low <= true) & (np.minimum(true, largest) <= high)
    occurs = true > 0
    central = np.abs(transforms - 0.5) <= level / 2
    return Coverage(
        level,
        float(central.mean()),
        float(held.mean()),
        float(held[occurs].mean()) if occurs.any() else np.nan,
        float((high - low + 1)[occurs].mean()) if occurs.any() else np.nan,
    )
