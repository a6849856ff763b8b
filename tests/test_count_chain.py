"""The hidden Markov chain over counts, against sums over all paths and against what it promises."""

from itertools import pairwise, product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm

from counting.stats.count_chain import CountChain, Filter, normalized, prior_of
from counting_datasets.errors import CountingError

Floats = NDArray[np.float64]

RNG = np.random.default_rng(0)
SECONDS = np.array([0.0, 0.5, 3.0, 3.1])
FRAMES = normalized(RNG.uniform(0.05, 1, (4, 2, 3)))
PRIOR = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
CHAIN = CountChain(PRIOR, stay=4.0, memory=2.0)


def weights(seconds: Floats, memory: float) -> Floats:
    """What each frame is worth: the generalized-least-squares weights of an autoregressive series."""
    covariance = np.exp(-np.abs(seconds[:, None] - seconds) / memory)
    return np.linalg.solve(covariance, np.ones(len(seconds)))


def by_all_paths(frames: Floats, seconds: Floats, prior: Floats, stay: float, memory: float) -> Floats:
    """T×(L + 1) smoothed distributions of one category: the sum over every path of counts."""
    size = frames.shape[1]
    rates = np.zeros((size, size))
    for n in range(size - 1):
        rates[n + 1, n] = (n + 1) / stay
        rates[n, n + 1] = (n + 1) / stay * prior[n + 1] / prior[n]
    rates -= np.diag(rates.sum(axis=1))
    kernels = [expm(rates * gap) for gap in np.diff(seconds)]
    evidence = (frames / prior) ** weights(seconds, memory)[:, None]
    smoothed = np.zeros(frames.shape)
    for path in product(range(size), repeat=len(frames)):
        chance = prior[path[0]]
        for t, (before, after) in enumerate(pairwise(path)):
            chance *= kernels[t][before, after]
        for t, n in enumerate(path):
            chance *= evidence[t, n]
        for t, n in enumerate(path):
            smoothed[t, n] += chance
    return normalized(smoothed)


def test_smoothed_distributions_are_the_sums_over_all_paths() -> None:
    smoothed = CHAIN.smooth(FRAMES, SECONDS)
    for k in range(2):
        expected = by_all_paths(FRAMES[:, k], SECONDS, PRIOR[k], CHAIN.stay, CHAIN.memory)
        assert smoothed[:, k] == pytest.approx(expected, abs=1e-9)


def test_the_filter_at_each_frame_is_what_smoothing_says_of_the_last_frame_so_far() -> None:
    forward = Filter(CHAIN)
    for t, second in enumerate(SECONDS):
        belief = forward.add(FRAMES[t], second)
        assert belief == pytest.approx(CHAIN.smooth(FRAMES[: t + 1], SECONDS[: t + 1])[-1], abs=1e-12)


def test_a_single_frame_and_frames_far_apart_keep_their_own_distributions() -> None:
    assert CHAIN.smooth(FRAMES[:1], SECONDS[:1]) == pytest.approx(FRAMES[:1])
    assert CHAIN.smooth(FRAMES, SECONDS * 1000) == pytest.approx(FRAMES, abs=1e-3)


def test_equal_frames_at_the_same_time_are_worth_one() -> None:
    repeated = np.repeat(FRAMES[:1], 5, axis=0)
    assert CHAIN.smooth(repeated, np.zeros(5)) == pytest.approx(repeated)


def test_the_kernel_keeps_the_prior_and_two_gaps_make_one() -> None:
    kernel = CHAIN.kernel(1.5)
    assert kernel.sum(axis=-1) == pytest.approx(np.ones((2, 3)))
    assert (PRIOR[:, None, :] @ kernel)[:, 0] == pytest.approx(PRIOR)
    assert kernel @ CHAIN.kernel(0.5) == pytest.approx(CHAIN.kernel(2.0))
    assert CHAIN.kernel(0.0) == pytest.approx(np.stack([np.eye(3)] * 2), abs=1e-12)


def test_each_object_leaves_at_the_rate_of_its_stay() -> None:
    """From 2 objects, in a short time, either leaves."""
    assert CHAIN.kernel(0.001)[0, 2, 1] == pytest.approx(2 * 0.001 / CHAIN.stay, rel=1e-2)


def test_an_outlier_among_frames_that_agree_is_outvoted_and_a_lasting_change_is_not() -> None:
    absent, present = normalized(np.array([[0.9, 0.08, 0.02]])), normalized(np.array([[0.3, 0.6, 0.1]]))
    flicker = np.stack([absent] * 5 + [present] + [absent] * 5)
    chain = CountChain(prior_of(flicker.mean(axis=0)))
    assert chain.smooth(flicker, np.arange(11.0))[5, 0, 0] > present[0, 0] + 0.2
    clear = normalized(np.array([[0.05, 0.85, 0.1]]))
    lasting = np.stack([absent] * 5 + [clear] * 6)
    chain = CountChain(prior_of(lasting.mean(axis=0)))
    assert chain.smooth(lasting, np.arange(11.0))[8, 0].argmax() == 1


def test_equal_frames_keep_their_distribution() -> None:
    """Whatever is wrong with all of them alike does not make the answer certain."""
    equal = np.repeat(FRAMES[:1], 20, axis=0)
    chain = CountChain(prior_of(equal.mean(axis=0)))
    assert chain.smooth(equal, np.arange(20.0)) == pytest.approx(equal, abs=0.05)


def test_impossible_and_certain_frames_leave_finite_distributions() -> None:
    certain = np.zeros((3, 2, 3))
    certain[[0, 1, 2], :, [0, 2, 0]] = 1
    smoothed = CHAIN.smooth(certain, np.array([0.0, 0.0, 1e-6]))
    assert np.isfinite(smoothed).all()
    assert smoothed.sum(axis=-1) == pytest.approx(np.ones((3, 2)))


def test_no_frames_give_no_distributions() -> None:
    assert CHAIN.smooth(np.empty((0, 2, 3)), np.empty(0)).shape == (0, 2, 3)


def test_frames_out_of_order_are_refused() -> None:
    with pytest.raises(CountingError, match="order of time"):
        CHAIN.smooth(FRAMES, SECONDS[::-1])
