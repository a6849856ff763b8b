"""Counts over time: a hidden Markov chain over the counts of each category.

The hidden state is the true count n = 0, 1, … and L or more. Each object leaves at the rate 1 / ``stay``, and
objects arrive at the rate (n + 1) / ``stay`` · π(n + 1) / π(n), so the chain is a reversible birth–death process
whose stationary distribution is the prior π (Kelly 1979, section 1.3).

A frame's calibrated distribution p(n | frame), divided by π, is its likelihood up to a factor. π is the mean of
the frames' distributions: for calibrated distributions, that is how often each count occurs in these frames. (With
equal probabilities in place of π, the prior that is part of every distribution would count once a frame.)

Consecutive frames show much the same picture, so their errors are alike: they are not independent evidence.
Errors whose correlation falls off as exp(−gap / ``memory``) are worth Σ w frames, where
w = 1 / (1 + a) + 1 / (1 + b) − 1 for a frame whose correlations with its neighbours are a and b (0 without a
neighbour): the weights of generalized least squares for the mean of a first-order autoregressive series. A frame's
likelihood is raised to its weight w.

A single frame keeps its own distribution, and so do frames that are far apart. (Forward–backward algorithm:
Rabiner 1989, section III; in the form that needs only the filtered distributions: Kitagawa 1987.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from counting_datasets.errors import CountingError

STAY = 1.0
"""Default mean number of seconds that an object stays in view: short, so that smoothing follows changes."""

MEMORY = 1.0
"""Default number of seconds over which the correlation of the errors of frames falls to 1/e.

Both were chosen by the log score and the ranked probability score: ``benchmarks/over_time.py --choose``.
"""

EQUAL = 0.001
"""Share of equal probabilities in a prior, so that no count is ruled out."""

KERNELS = 16
"""Number of gaps whose kernels are kept."""

LEAST = 1e-7
"""Smallest probability of a count: no frame is certain."""

Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class CountChain:
    """The chain of K categories.

    Attributes:
        prior: K×(L + 1) probabilities above 0.
        stay: mean number of seconds that an object stays in view.
        memory: number of seconds over which the correlation of the errors of frames falls to 1/e.
    """

    prior: NDArray[np.float64]
    stay: float = STAY
    memory: float = MEMORY

    def kernel(self, gap: float) -> NDArray[np.float64]:
        """K×(L + 1)×(L + 1): row n has the probabilities of the counts ``gap`` seconds after n."""
        return self._kept_kernel(round(gap, 3))

    @cached_property
    def _kept_kernel(self) -> Callable[[float], NDArray[np.float64]]:
        return lru_cache(KERNELS)(self._kernel)

    def _kernel(self, gap: float) -> NDArray[np.float64]:
        rates, vectors, root = self._spectrum
        powers = (vectors * np.exp(rates * gap)[:, None, :]) @ vectors.transpose(0, 2, 1)
        kernel = np.maximum(powers * root[:, None, :] / root[:, :, None], 0)
        return np.asarray(kernel / kernel.sum(axis=-1, keepdims=True))

    @cached_property
    def _spectrum(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Eigenvalues and eigenvectors of the rates, made symmetric by the root of the prior, and that root."""
        generator = self.rates()
        root = np.sqrt(self.prior)
        values, vectors = np.linalg.eigh(generator * root[:, :, None] / root[:, None, :])
        return values, vectors, root

    def rates(self) -> NDArray[np.float64]:
        """K×(L + 1)×(L + 1) rates per second from one count to another; each row sums to 0."""
        size = self.prior.shape[1]
        n = np.arange(size - 1)
        rates = np.zeros((len(self.prior), size, size))
        rates[:, n + 1, n] = (n + 1) / self.stay
        rates[:, n, n + 1] = (n + 1) / self.stay * self.prior[:, 1:] / self.prior[:, :-1]
        diagonal = np.arange(size)
        rates[:, diagonal, diagonal] = -rates.sum(axis=-1)
        return rates

    def smooth(self, distributions: Floats, seconds: Floats) -> NDArray[np.float64]:
        """T×K×(L + 1) distributions of frames at the times ``seconds`` → the same, given all frames.

        Raises:
            CountingError: the times fall.
        """
        smoothed = np.array(distributions, dtype=np.float64)
        self.smooth_in_place(smoothed, seconds)
        return smoothed

    def smooth_in_place(self, frames: Floats, seconds: Floats) -> None:
        """As ``smooth``, but replaces ``frames``, an array that may lie in a file.

        Raises:
            CountingError: the times fall.
        """
        forward = Filter(self)
        for t, second in enumerate(seconds):
            forward.add(frames[t], float(second))
            if t:
                frames[t - 1] = forward.carried
        if len(frames):
            frames[-1] = forward.belief
        for t in range(len(frames) - 2, -1, -1):
            before = np.asarray(frames[t], dtype=np.float64)
            kernel = self.kernel(float(seconds[t + 1] - seconds[t]))
            ratio = frames[t + 1] / np.maximum(_moved(before, kernel), np.finfo(float).tiny)
            frames[t] = normalized(before * (kernel @ ratio[..., None])[..., 0])


class Filter:
    """The forward pass: the counts of each frame given that frame and those before it.

    Attributes:
        chain: may be replaced by one with a better prior between frames.
        belief: K×(L + 1): the distribution at the last frame.
        carried: K×(L + 1): the same at the frame before it, with the weight that its likelihood has since it has a
            successor.
    """

    belief: NDArray[np.float64]
    carried: NDArray[np.float64]

    def __init__(self, chain: CountChain) -> None:
        self.chain = chain
        self._second: float | None = None
        self._expected = chain.prior
        self._frame: Floats = chain.prior
        self._left = 0.0

    def add(self, distribution: Floats, second: float) -> NDArray[np.float64]:
        """The distribution at ``second``, when a frame has the K×(L + 1) calibrated ``distribution``.

        Raises:
            CountingError: ``second`` is before the last frame.
        """
        correlation = 0.0
        if self._second is not None:
            gap = second - self._second
            if gap < 0:
                raise CountingError(f"frames must be in the order of time: {second:g} s after {self._second:g} s")
            correlation = float(np.exp(-gap / self.chain.memory))
            weight = 1 / (1 + self._left) + 1 / (1 + correlation) - 1
            self.carried = self._updated(weight)
            self._expected = _moved(self.carried, self.chain.kernel(gap))
        self._second, self._left = second, correlation
        self._frame = np.maximum(distribution, LEAST)
        self.belief = self._updated(1 / (1 + correlation))
        return self.belief

    def _updated(self, weight: float) -> NDArray[np.float64]:
        """What was expected of the last frame, updated by its likelihood to the power ``weight``."""
        return normalized(self._expected * (self._frame / self.chain.prior) ** weight)


def prior_of(mean: Floats) -> NDArray[np.float64]:
    """The prior of frames whose distributions have the K×(L + 1) ``mean``."""
    return np.asarray((1 - EQUAL) * mean + EQUAL / mean.shape[-1], dtype=np.float64)


def normalized(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """…×(L + 1) weights scaled to sum to 1."""
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _moved(distribution: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((distribution[:, None, :] @ kernel)[:, 0])
