"""Non-negative least squares from its normal equations, shrunk towards a prior; and folds to choose how much."""

from collections.abc import Iterator

import numpy as np

from counting.detections import Ints
from counting.metrics import Floats

FOLDS = 5


def nonnegative(gram: Floats, moment: Floats) -> Floats:
    """The J weights w ≥ 0 that minimise |A w − b|², given ``gram`` = AᵀA (J×J) and ``moment`` = Aᵀb (J)."""
    from scipy.optimize import nnls

    values, vectors = np.linalg.eigh(gram)
    seen = values > values[-1] * 1e-12
    root = np.sqrt(values[seen])
    if not len(root):
        return np.zeros(len(moment))
    solution = nnls(root[:, None] * vectors[:, seen].T, (vectors[:, seen].T @ moment) / root)[0]
    return np.asarray(solution, dtype=np.float64)


def shrunk(gram: Floats, moment: Floats, prior: Floats, strength: float) -> Floats:
    """As ``nonnegative``, plus ``strength`` · |w − prior|²; an infinite strength gives the prior itself."""
    if np.isinf(strength):
        return prior.copy()
    return nonnegative(gram + strength * np.eye(len(moment)), moment + strength * prior)


def folds(images: int) -> Iterator[tuple[Ints, Ints]]:
    """Row numbers to fit on and held out, ``FOLDS`` times; every image is held out once, always the same way."""
    fold = np.random.default_rng(0).permutation(images) % FOLDS
    for number in range(FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)
