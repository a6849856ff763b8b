"""Fused Grad-CAM: the evidence of several layers in one blurred map."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from counting.explain.grad_cam import Cam, to_size

BLUR = 1 / 18
"""Standard deviation of the blur as a share of the map's side: one position at stride 32 in 576 pixels."""


def fuse(cams: Sequence[Cam]) -> Cam:
    """Fuse Grad-CAMs of the same scores by different layers, at the resolution of the finest.

    α is a mean over a layer's positions, so each layer's evidence is multiplied by their number: equal areas of
    the photo then have equal weight in all layers. The sum is blurred, with zeros beyond the photo's edge, because
    a position of a deep map represents its whole receptive field.

    Where the evidence against a score outweighs that for it all over the photo, the sum would be an empty map.
    Then the places with evidence for it in any layer keep the sum of that evidence alone.
    """
    height, width = (max(cam.evidence.shape[axis] for cam in cams) for axis in (2, 3))
    shares = [cam.evidence[0, 0].numel() / (height * width) for cam in cams]
    layers = torch.stack(
        [to_size(cam.evidence, height, width) * share for cam, share in zip(cams, shares, strict=True)]
    )
    total, supporting = blurred(layers.sum(dim=0)), blurred(layers.relu().sum(dim=0))
    outweighed = (total <= 0).flatten(2).all(dim=2)[:, :, None, None]
    return Cam(
        cams[0].scores,
        torch.cat([cam.importance for cam in cams], dim=-1),
        torch.where(outweighed & (supporting > 0), supporting, total),
        torch.stack([cam.moved for cam in cams]).any(dim=0),
    )


def blurred(evidence: Tensor) -> Tensor:
    """...×h×w → the same, blurred by a Gaussian of ``BLUR`` times each side; zero beyond the edge."""
    height, width = evidence.shape[-2:]
    flat = evidence.reshape(-1, 1, height, width)
    for size, axis in ((height, 2), (width, 3)):
        kernel = _gaussian(size * BLUR).to(flat)
        shape = [1, 1, 1, 1]
        shape[axis] = len(kernel)
        flat = conv2d(flat, kernel.view(shape), padding="same")
    return flat.view_as(evidence)


def _gaussian(deviation: float) -> Tensor:
    reach = int(3 * deviation + 0.5)
    steps = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (steps / max(deviation, 1e-6)) ** 2)
    return weights / weights.sum()
