"""Fit to a trained counter how sure its counts are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from counting.networks.checkpoint import Checkpoint, load, save
from counting.networks.zoo import find_counter
from counting.stats.best_guess import fit_shown_from
from counting.stats.count_distribution import Calibration, fit_calibration
from counting.stats.least_squares import FOLDS
from counting.tables.count_table import CountTable
from counting.tables.join import join
from counting_datasets.categories import match_categories


def calibrate(path: Path, predicted: CountTable, truth: CountTable) -> Checkpoint:
    """Fit the counter at ``path`` a calibration on its counts of a validation split, and store both there.

    A counter of fewer photos than can be fitted on stays as it is. If the run kept the categories of its start, so
    does their calibration.
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
    save(checkpoint.counter, checkpoint.config, path, checkpoint.card, calibration)
    return replace(checkpoint, calibration=calibration)


def _with_old(
    fitted: Calibration, categories: tuple[str, ...], old: Calibration, old_categories: tuple[str, ...]
) -> Calibration:
    """``fitted``, with the weights and the threshold of ``old`` for the categories that it has."""
    weights = fitted.weights.detach().clone()
    for theirs, ours in match_categories(old_categories, categories).items():
        weights[ours] = old.weights[theirs].detach()
    return Calibration(weights, max(fitted.largest, old.largest), old.shown_from)
