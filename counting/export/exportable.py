"""A counter as a graph without Python: pixels in; cells, count distributions and located objects out."""

import torch
from torch import Tensor, nn

from counting.networks.checkpoint import Checkpoint
from counting.networks.locating import LocatedCells, peak_heights
from counting.stats.count_distribution import Calibration, hurdle_from, log_binomials

INPUT = "images"
"""Name of the input: B×3×side×side normalized photos."""

CELLS, DISTRIBUTION, PEAKS = "cells", "distribution", "peaks"
"""Names of the outputs."""

EXAMPLES = 2
"""Batch size of the example input; a batch of 1 would fix the size of all batches."""


class Exportable(nn.Module):
    """A counter and its calibration.

    Attributes:
        outputs: the names of the outputs.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.counter = checkpoint.counter
        self.calibration = None if checkpoint.calibration is None else _Distribution(checkpoint.calibration)
        located = isinstance(self.counter.cells, LocatedCells)
        self.outputs = (CELLS, *[DISTRIBUTION] * (self.calibration is not None), *[PEAKS] * located)
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """B×3×side×side normalized photos → the outputs, in the order of ``outputs``.

        ``cells``: B×cells×K counts, clipped at 0; their sum is the count. ``distribution``, of a calibrated
        counter: B×K×(L + 1) probabilities of the counts 0, 1, … and L or more. ``peaks``, of a counter that
        locates: B×K×h×w, the probability of an object's centre where it is higher than in the eight neighbouring
        places, else 0.
        """
        features, maps = self.counter.cells.with_maps(images)
        cells = self.counter.from_features(features).clamp(min=0)
        outputs = [cells]
        if self.calibration is not None:
            outputs.append(self.calibration(cells.sum(dim=1)))
        if PEAKS in self.outputs:
            outputs.append(peak_heights(maps["centres"]))
        return tuple(outputs)

    def example(self) -> Tensor:
        """A batch of input of the right shape."""
        side = self.counter.cells.side
        return torch.zeros(EXAMPLES, 3, side, side)


class _Distribution(nn.Module):
    """A calibration without the gamma function, which other runtimes lack: it depends on weights only."""

    weights: Tensor
    binomials: Tensor

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        weights = calibration.weights.detach()
        self.register_buffer("weights", weights)
        self.register_buffer("binomials", log_binomials(weights, calibration.largest))

    def forward(self, raw: Tensor) -> Tensor:
        """B×K raw counts → B×K×(L + 1) probabilities."""
        return hurdle_from(raw, self.weights, self.binomials).exp()
