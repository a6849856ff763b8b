"""Non-negative least squares with shrinkage towards a prior, and cross-validation to choose its strength."""

from collections.abc import Iterator, Sequence

import numpy as np

from counting.stats.metrics import Floats, Ints, as_scored, mean_over_categories, rmse

FOLDS = 5
"""Number of folds of cross-validation."""


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
    """As ``nonnegative``, with the penalty ``strength`` · |w − prior|²; infinite strength gives ``prior``."""
    if np.isinf(strength):
        return prior.copy()
    return nonnegative(gram + strength * np.eye(len(moment)), moment + strength * prior)


def folds(images: int) -> Iterator[tuple[Ints, Ints]]:
    """Row indices to fit on and to hold out, for each fold; the folds are always the same."""
    fold = np.random.default_rng(0).permutation(images) % FOLDS
    for number in range(FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def fit_by_category(design: Floats, true: Floats, strengths: Sequence[float]) -> Floats:
    """K×J non-negative weights that best map ``design`` (N×K×J) to the ``true`` counts (N×K).

    Each category's weights are shrunk towards weights shared by all; the strength is the one of ``strengths`` with
    the least rounded mRMSE in cross-validation.
    """
    held_out = {strength: np.zeros_like(true) for strength in strengths}
    for fitted_on, left in folds(len(true)):
        equations = _normal_equations(design[fitted_on], true[fitted_on])
        for strength in strengths:
            held_out[strength][left] = np.einsum("nkj,kj->nk", design[left], _weights(*equations, strength))
    errors = {s: float(mean_over_categories(rmse(as_scored(p), true))) for s, p in held_out.items()}
    return _weights(*_normal_equations(design, true), min(errors, key=lambda strength: errors[strength]))


def _normal_equations(design: Floats, true: Floats) -> tuple[Floats, Floats]:
    """K×J×J and K×J: the arguments of ``nonnegative`` for each category."""
    by_category = design.transpose(1, 2, 0)
    return by_category @ by_category.transpose(0, 2, 1), (by_category @ true.T[:, :, None])[:, :, 0]


def _weights(grams: Floats, moments: Floats, strength: float) -> Floats:
    shared = nonnegative(grams.sum(axis=0), moments.sum(axis=0))
    return np.stack([shrunk(g, m, shared, strength) for g, m in zip(grams, moments, strict=True)])
