"""Fused Grad-CAM: the evidence of several layers in one map."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from counting.explain.grad_cam import Cam
from counting.explain.layer_fusion import BLUR, fuse

SIDE = 18


def cam(evidence: Tensor) -> Cam:
    return Cam(torch.ones(1, 1), torch.ones(1, 1, 1), evidence[None, None], torch.ones(1, 1, dtype=torch.bool))


def spot(row: int, column: int, value: float) -> Tensor:
    evidence = torch.zeros(SIDE, SIDE)
    evidence[row, column] = value
    return evidence


def test_evidence_of_all_layers_is_added_and_blurred() -> None:
    finer, coarser = spot(4, 5, 2.0), torch.zeros(SIDE // 2, SIDE // 2)
    fused = fuse([cam(finer), cam(coarser)])
    expected = gaussian_filter(finer.numpy(), SIDE * BLUR, mode="constant", truncate=3)
    np.testing.assert_allclose(fused.evidence[0, 0], expected, atol=1e-6)


def test_evidence_against_the_score_is_subtracted() -> None:
    fused = fuse([cam(spot(4, 4, 3.0)), cam(spot(12, 12, -1.0))])
    assert fused.maps[0, 0, 4, 4] > 0
    assert fused.counterfactuals[0, 0, 12, 12] > 0


def test_where_evidence_against_outweighs_all_that_for_it_the_map_shows_the_latter() -> None:
    for_it, against = spot(4, 4, 1.0), torch.full((SIDE, SIDE), -2.0)
    fused = fuse([cam(for_it), cam(against)])
    assert int(fused.maps[0, 0].argmax()) == 4 * SIDE + 4
    assert fused.why_empty(0, 0) is None
    assert fused.counterfactuals[0, 0, 15, 15] > 0


def test_without_any_evidence_for_the_score_the_map_is_empty() -> None:
    fused = fuse([cam(spot(4, 4, -1.0)), cam(spot(9, 9, -1.0))])
    assert not fused.maps.any()
    assert "no evidence for it" in (fused.why_empty(0, 0) or "")
