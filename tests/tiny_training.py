"""Training runs on the processor, and their weights and errors."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from counting.networks.config import Config
from counting.stats.metrics import mean_over_categories, rmse
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder

HEAD = {"name": "tiny"}
FINE_TUNED = {"name": "tiny", "frozen": False}


def train(config: Config, folder: Path, *, resume: bool = False) -> RunFolder:
    run = RunFolder(folder)
    train_counter(config, run, resume=resume, device="cpu")
    return run


def assert_same_weights(one: Path, other: Path) -> None:
    """Bit by bit."""
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def mean_rmse(predicted: Any, true: Any) -> float:
    return float(mean_over_categories(rmse(predicted, true)))
