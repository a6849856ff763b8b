"""Calibration: from a raw count to a calibrated distribution over 0, 1, 2, …

A hurdle model turns the raw count x of a category into p(c = 0), p(c = 1), …: the category is present with
probability σ(a·(1, log x, x)), and if present, c − 1 is negative binomial with mean exp(b·(1, log x)) and size
exp(r), so the spread grows with the count. Each category has its own a, b and r, shrunk towards values shared by
all categories, since rare categories have few counts to fit on. (Hurdle models: Mullahy 1986.)
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from counting.stats.least_squares import FOLDS, folds
from counting.stats.partial_pooling import fit_partially_pooled
from counting_datasets.errors import DataError

LEVEL = 0.8
"""Coverage of the intervals shown to users."""

SHOWN_FROM = 0.5
"""Default probability of at least one from which a category is shown."""

LOG_OFFSET = 0.05
"""Offset added to a raw count before taking its logarithm."""

MIN_LARGEST = 20
"""Smallest value of ``Calibration.largest``."""

STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Candidate strengths of the shrinkage of a category's weights towards the shared ones."""

MAX_LOG_SIZE = 5.0
"""Cap on log size: beyond it the distribution is practically Poisson and its formula loses precision."""

PARAMETERS = 6
"""Number of weights of a category: a (3), b (2) and r."""


@dataclass(frozen=True, eq=False)
class CountDistribution:
    """Distributions over the counts 0, 1, …, L, where L stands for L or more; "…" is any leading shape.

    Attributes:
        log_probability: …×(L + 1).
    """

    log_probability: Tensor

    @property
    def probability(self) -> Tensor:
        """…×(L + 1) probabilities that sum to 1."""
        return self.log_probability.exp()

    @property
    def mean(self) -> Tensor:
        """Expected counts, of shape …."""
        return (self.probability * self._counts()).sum(dim=-1)

    @property
    def cumulative(self) -> Tensor:
        """Cumulative probabilities p(c ≤ n), …×(L + 1)."""
        return self.probability.cumsum(dim=-1).clamp(max=1)

    def quantile(self, level: float) -> Tensor:
        """The smallest n with p(c ≤ n) ≥ ``level``, integers of shape …."""
        reached = self.cumulative >= level - 1e-9
        reached[..., -1] = True
        return reached.int().argmax(dim=-1)

    def interval(self, level: float) -> tuple[Tensor, Tensor]:
        """The first and last counts of the central interval with probability ``level`` or more."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def log_score(self, true: Tensor) -> Tensor:
        """−log p(c) of the true counts, of shape …; 0 is best."""
        return -self._at(self.log_probability, true)

    def ranked_probability_score(self, true: Tensor) -> Tensor:
        """Σ_n (p(c ≤ n) − [true ≤ n])²; 0 is best. For a certain count, the absolute error. (Epstein 1969.)"""
        reached = self._counts() >= true[..., None]
        return (self.cumulative - reached.to(self.log_probability.dtype)).square().sum(dim=-1)

    def integral_transform(self, true: Tensor, uniform: Tensor) -> Tensor:
        """p(c < true) + uniform · p(c = true), which is uniform if the distributions are right.

        The randomized probability integral transform (Czado, Gneiting and Held 2009, section 2.2).
        """
        at = self._at(self.probability, true)
        return self._at(self.cumulative, true) - at + uniform * at

    def _counts(self) -> Tensor:
        size = self.log_probability.shape[-1]
        return torch.arange(size, dtype=self.log_probability.dtype, device=self.log_probability.device)

    def _at(self, values: Tensor, true: Tensor) -> Tensor:
        index = true.long().clamp(0, values.shape[-1] - 1)
        return values.gather(-1, index[..., None])[..., 0]


def intervals(distribution: NDArray[np.float32], level: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last counts of the central intervals of …×(L + 1) probabilities."""
    low, high = CountDistribution(torch.from_numpy(distribution).double().log()).interval(level)
    return low.numpy(), high.numpy()


class Calibration(nn.Module):
    """Maps raw counts to distributions, by category.

    Attributes:
        weights: K×6: a (3), b (2) and r of each category.
        largest: L, the last count of the distributions, which stands for L or more.
        shown_from: the probability of at least one from which a category is shown.
    """

    def __init__(self, weights: Tensor, largest: int, shown_from: float = SHOWN_FROM) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)
        self.largest = largest
        self.shown_from = shown_from

    def up_to(self, largest: int) -> "Calibration":
        """The same calibration with distributions up to ``largest``, if that is more."""
        return Calibration(self.weights, max(self.largest, largest), self.shown_from)

    def distribution(self, counts: NDArray[np.float64]) -> NDArray[np.float32]:
        """…×K raw counts → …×K×(largest + 1) probabilities, as in a CountTable."""
        with torch.inference_mode():
            found: CountDistribution = self(torch.from_numpy(counts).float().to(self.weights.device))
            return np.asarray(found.probability.cpu().numpy(), dtype=np.float32)

    def forward(self, raw: Tensor) -> CountDistribution:
        """…×K raw counts → …×K×(largest + 1) distributions, differentiable in counts and weights."""
        return CountDistribution(hurdle(raw, self.weights, self.largest))


def hurdle(raw: Tensor, weights: Tensor, largest: int) -> Tensor:
    """…×K raw counts and K×6 weights → …×K×(largest + 1) log-probabilities."""
    return hurdle_from(raw, weights, log_binomials(weights, largest))


def hurdle_from(raw: Tensor, weights: Tensor, binomials: Tensor) -> Tensor:
    """``hurdle`` with the ``log_binomials`` of the weights, its only part that needs the gamma function."""
    presence, log_mean, log_size = _terms(raw, weights)
    further = torch.arange(binomials.shape[-1], dtype=raw.dtype, device=raw.device)
    log_present = binomials + _log_powers(further, log_mean[..., None], log_size[..., None])
    beyond = torch.log1p(-log_present.exp().sum(dim=-1, keepdim=True).clamp(max=1 - 1e-7))
    present = torch.cat([log_present, beyond], dim=-1)
    return torch.cat([logsigmoid(-presence)[..., None], logsigmoid(presence)[..., None] + present], dim=-1)


def log_binomials(weights: Tensor, largest: int) -> Tensor:
    """K×6 weights → K×(largest − 1): log Γ(n + r) / (Γ(r) · n!) for n = 0, 1, … and each category's size r."""
    further = torch.arange(largest - 1, dtype=weights.dtype, device=weights.device)
    return _log_binomial(further, _log_size(weights)[:, None])


def _terms(raw: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Logit of presence, and log mean and log size of c − 1 if present; each …×K."""
    x = raw.clamp(min=0)
    log_x = (x + LOG_OFFSET).log()
    presence = weights[:, 0] + weights[:, 1] * log_x + weights[:, 2] * x
    log_mean = weights[:, 3] + weights[:, 4] * log_x
    return presence, log_mean, _log_size(weights).expand_as(x)


def _log_size(weights: Tensor) -> Tensor:
    return weights[:, 5].clamp(max=MAX_LOG_SIZE)


def _negative_binomial(n: Tensor, log_mean: Tensor, log_size: Tensor) -> Tensor:
    """log p(n) for the mean exp(log_mean) and the size exp(log_size)."""
    return _log_binomial(n, log_size) + _log_powers(n, log_mean, log_size)


def _log_binomial(n: Tensor, log_size: Tensor) -> Tensor:
    size = log_size.exp()
    return torch.lgamma(n + size) - torch.lgamma(size) - torch.lgamma(n + 1)


def _log_powers(n: Tensor, log_mean: Tensor, log_size: Tensor) -> Tensor:
    log_total = torch.logaddexp(log_mean, log_size)
    return log_size.exp() * (log_size - log_total) + n * (log_mean - log_total)


def fit_calibration(raw: Tensor, true: Tensor, known: Tensor | None = None) -> Calibration:
    """Fit a calibration to N×K raw counts on a validation split and the true counts.

    True counts whose ``known`` flag (N×K) is false are not used; by default all are known. The strength of the
    shrinkage is chosen by the log score in cross-validation.

    Raises:
        DataError: the shapes differ, or there are fewer images than folds.
    """
    if raw.shape != true.shape or raw.ndim != 2:
        raise DataError(f"raw counts are {tuple(raw.shape)}, but true counts are {tuple(true.shape)}")
    if len(raw) < FOLDS:
        raise DataError(f"{len(raw)} photos are too few for calibration: at least {FOLDS} are needed")
    raw, true = raw.double().clamp(min=0), true.double()
    known = torch.ones_like(true, dtype=torch.bool) if known is None else known
    data = raw, true, known
    held_out = {strength: _held_out_loss(*data, strength) for strength in STRENGTHS}
    weights = _fit(*data, min(STRENGTHS, key=lambda strength: held_out[strength]))
    return Calibration(weights.float(), max(MIN_LARGEST, int(true.max())))


def _held_out_loss(raw: Tensor, true: Tensor, known: Tensor, strength: float) -> float:
    total = 0.0
    for kept, left in folds(len(raw)):
        weights = _fit(raw[kept], true[kept], known[kept], strength)
        total += float(_negative_log_likelihood(raw[left], true[left], known[left], weights))
    return total


def _fit(raw: Tensor, true: Tensor, known: Tensor, strength: float) -> Tensor:
    start = raw.new_tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    return fit_partially_pooled(
        lambda weights: _negative_log_likelihood(raw, true, known, weights), start, raw.shape[1], strength
    )


def _negative_log_likelihood(raw: Tensor, true: Tensor, known: Tensor, weights: Tensor) -> Tensor:
    """The negative log-likelihood of the known true counts, without a largest count."""
    presence, log_mean, log_size = _terms(raw, weights)
    there = (true > 0) & known
    first = logsigmoid(torch.where(there, presence, -presence))[known].sum()
    beyond_first = _negative_binomial(true[there] - 1, log_mean[there], log_size[there]).sum()
    return -(first + beyond_first)
