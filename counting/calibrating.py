"""Fit to a trained counter how sure its counts are."""

from dataclasses import replace
from pathlib import Path

import torch

from counting.checkpoint import Checkpoint, load, save
from counting.counters.nonnegative import FOLDS
from counting.distribution import fit_calibration
from counting.inference import count_scenes
from counting.table import CountTable, join
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet


def calibrate(path: Path, val: SceneSet, protocol: Protocol) -> Checkpoint:
    """Fit the counter at ``path`` a calibration on ``val`` and store both there.

    A counter of fewer photos than can be fitted on stays as it is.
    """
    checkpoint = load(path)
    predicted, _ = count_scenes(checkpoint, val)
    truth, predicted, _ = join(CountTable.from_scenes(val, protocol), predicted)
    if len(truth.images) < FOLDS:
        return checkpoint
    calibration = fit_calibration(torch.from_numpy(predicted.counts), torch.from_numpy(truth.counts))
    save(checkpoint.counter, checkpoint.config, path, checkpoint.card, calibration)
    return replace(checkpoint, calibration=calibration)
