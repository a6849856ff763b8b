"""Calibration of a trained counter on its validation split."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from counting.networks.checkpoint import Checkpoint, load, save
from counting.networks.zoo import find_counter
from counting.stats.best_guess import fit_shown_from
from counting.stats.count_distribution import Calibration, fit_calibration
from counting.stats.least_squares import FOLDS
from counting.tables.count_table import CountTable
from counting.tables.join import join
from counting_datasets.categories import match_categories

PRIOR = 5.0
"""Weight of the scale of all categories in that of each, in squared counts."""


def calibrate(
    path: Path, predicted: CountTable, truth: CountTable, non_difficult: CountTable | None = None
) -> Checkpoint:
    """Fit a calibration for the counter at ``path`` to its counts on a validation split, and store it in the file.

    ``non_difficult`` are the true counts without difficult objects, to which scales are fitted. Nothing
    changes if there are fewer than ``FOLDS`` photos. With ``keep``, the start's categories keep their
    calibration.
    """
    checkpoint = load(path)
    truth, predicted, _ = join(truth, predicted)
    if len(truth.images) < FOLDS:
        return checkpoint
    known = np.ones(truth.counts.shape, dtype=bool) if truth.known is None else truth.known
    pair = torch.from_numpy(predicted.counts), torch.from_numpy(truth.counts)
    calibration = fit_calibration(*pair, torch.from_numpy(known))
    probability = 1 - calibration.distribution(predicted.counts)[..., 0]
    calibration.shown_from = fit_shown_from(predicted.counts[known], probability[known], truth.counts[known])
    if checkpoint.config.keep and (old := find_counter(str(checkpoint.config.start), "cpu")).calibration:
        calibration = _with_old(
            calibration, checkpoint.counter.categories, old.calibration, old.counter.categories
        )
    scales = fit_scales(predicted, non_difficult) if non_difficult else checkpoint.non_difficult_scales
    save(checkpoint.counter, checkpoint.config, path, checkpoint.card, calibration, non_difficult_scales=scales)
    return replace(checkpoint, calibration=calibration, non_difficult_scales=scales)


def fit_scales(predicted: CountTable, truth: CountTable) -> NDArray[np.float64]:
    """For each category, the factor with the least squared error, drawn to that of all categories where few occur.

    It is 1 for a category whose count is unknown in all photos.
    """
    truth, predicted, _ = join(truth, predicted)
    known = np.ones(truth.counts.shape, dtype=bool) if truth.known is None else truth.known
    raw, true = predicted.counts.clip(min=0) * known, truth.counts * known
    products, squares = (raw * true).sum(axis=0), (raw**2).sum(axis=0)
    overall = products.sum() / squares.sum() if squares.any() else 1.0
    return np.where(known.any(axis=0), (products + PRIOR * overall) / (squares + PRIOR), 1.0)


def _with_old(
    fitted: Calibration, categories: tuple[str, ...], old: Calibration, old_categories: tuple[str, ...]
) -> Calibration:
    """``fitted``, with the weights of ``old`` for its categories, and its threshold."""
    weights = fitted.weights.detach().clone()
    for old_index, index in match_categories(old_categories, categories).items():
        weights[index] = old.weights[old_index].detach()
    return Calibration(weights, max(fitted.largest, old.largest), old.shown_from)
