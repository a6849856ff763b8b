"""Small counters to export, and the comparison of an exported file with its counter."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny import CATEGORIES

from counting.export.exportable import Exportable
from counting.networks.cells import Cells
from counting.networks.checkpoint import Checkpoint
from counting.networks.counters import Committee, build_counter
from counting.networks.locating import LocatedCells
from counting.stats.count_distribution import Calibration
from counting_datasets.generated.writing import draw_scene

HEADS: dict[str, dict[str, Any]] = {
    "glance": {"hidden": [16]},
    "aso_sub": {"hidden": [16]},
    "seq_sub": {"hidden": 12, "recurrent": 6},
    "att_sub": {"hidden": 16},
    "loc_sub": {"depth": 16, "hidden": 16},
}
"""A small head of each kind of counter."""


def tiny_checkpoint(kind: str, cells: Cells, members: int = 1) -> Checkpoint:
    """A calibrated counter with random weights."""
    torch.manual_seed(1)
    counters = [build_counter(kind, cells, CATEGORIES, HEADS[kind]) for _ in range(members)]
    counter = counters[0] if members == 1 else Committee(counters)
    weights = torch.tensor([[0.5, 2.0, 0.3, -0.4, 0.9, -0.5], [-2.0, 1.0, 0.0, 0.2, 1.1, 1.0]])
    return Checkpoint(counter.eval(), None, {}, Calibration(weights, 20, 0.4))  # type: ignore[arg-type]


def photos(side: int, number: int) -> torch.Tensor:
    return torch.randn(number, 3, side, side, generator=torch.Generator().manual_seed(2))


def run_onnx(file: Path, images: torch.Tensor) -> list[np.ndarray[Any, Any]]:
    from onnxruntime import InferenceSession

    outputs: list[np.ndarray[Any, Any]] = InferenceSession(file).run(None, {"images": images.numpy()})
    return outputs


def scenes(checkpoint: Checkpoint, number: int) -> torch.Tensor:
    """Drawn scenes: in noise, the peaks among nearly equal centre probabilities depend on the last digit."""
    return torch.stack([checkpoint.counter.preprocess(draw_scene(seed).image) for seed in range(number)])


@torch.inference_mode()
def assert_same_outputs(file: Path, checkpoint: Checkpoint, images: torch.Tensor) -> None:
    expected = Exportable(checkpoint)(images)
    found = run_onnx(file, images)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other.numpy(), checkpoint)
    assert_close(found[0].sum(axis=1), checkpoint.counter.count(images).numpy(), checkpoint)


def assert_close(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], checkpoint: Checkpoint) -> None:
    """Equal within 1e-4; where faint peaks tie, 2 % of a locating counter's numbers may differ by up to 5e-3."""
    difference = np.abs(found - expected)
    ties = isinstance(checkpoint.counter.cells, LocatedCells)
    assert np.quantile(difference, 0.98 if ties else 1) < 1e-4
    assert difference.max() < 5e-3
