"""Grad-CAM: where in an image a network's score comes from (Selvaraju et al., ICCV 2017)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from counting.explain.recording import gradients, recorded
from counting_datasets.errors import CountingError

AsMaps = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Cam:
    """Grad-CAM of T scores of each of B images.

    Attributes:
        scores: B×T, what is explained: before any softmax, and never clipped.
        importance: B×T×C, α: the mean of ∂score/∂A over the places of the map.
        evidence: B×T×h×w, Σ_k α_k A_k before the ReLU: above 0 speaks for the score, below 0 against it.
        moved: B×T, whether any gradient of the score reached the layer.
    """

    scores: Tensor
    importance: Tensor
    evidence: Tensor
    moved: Tensor

    @property
    def maps(self) -> Tensor:
        """B×T×h×w, L = ReLU(Σ_k α_k A_k)."""
        return self.evidence.relu()

    @property
    def counterfactuals(self) -> Tensor:
        """B×T×h×w, the same with −∂score/∂A: places whose removal would raise the score."""
        return (-self.evidence).relu()

    def why_empty(self, image: int, score: int, *, counterfactual: bool = False) -> str | None:
        """Why a map is zero all over; None of a map that is not."""
        maps = self.counterfactuals if counterfactual else self.maps
        if bool((maps[image, score] > 0).any()):
            return None
        if not bool(self.moved[image, score]):
            return "the layer has no influence on it: every gradient is 0"
        if counterfactual:
            return "no evidence against it: no weighted sum is below 0"
        return "no evidence for it: no weighted sum is above 0"


def grad_cam(
    model: nn.Module,
    images: Tensor,
    layer: str,
    scores: Callable[[Tensor], Tensor],
    *,
    as_maps: AsMaps | None = None,
    create_graph: bool = False,
) -> Cam:
    """Grad-CAM of any model: one forward pass, one backward pass a score down to ``layer``.

    Args:
        model: in evaluation mode; its weights may be frozen.
        images: B×..., what the model takes.
        layer: a name from ``model.named_modules()``: a convolutional network's last map is the usual choice, the
            first norm of the last block in a transformer that is read through its class token.
        scores: the model's output → B×T scores, such as ``lambda logits: logits[:, [207, 281]]``.
        as_maps: the layer's output → B×C×h×w; by default as ``to_maps`` does.
        create_graph: keep α and the maps in the graph, down to the weights before the layer.

    Raises:
        CountingError: no such layer, it puts out no map, or the scores do not depend on it.
    """
    with recorded(model, layer, cut=not create_graph) as recording:
        if images.is_inference():
            images = images.clone()
        of_images = scores(model(images))
        activations = recording.tensors[-1]
        return cam_of(of_images, activations, as_maps=as_maps, create_graph=create_graph)


def cam_of(
    scores: Tensor, activations: Tensor, *, as_maps: AsMaps | None = None, create_graph: bool = False
) -> Cam:
    """Grad-CAM of B×T ``scores`` that were computed from ``activations``, a tensor of their graph.

    Without ``create_graph`` nothing in the answer holds the graph.
    """
    (cam,) = cams_of(scores, [activations], as_maps=as_maps, create_graph=create_graph)
    return cam


def cams_of(
    scores: Tensor, layers: Sequence[Tensor], *, as_maps: AsMaps | None = None, create_graph: bool = False
) -> list[Cam]:
    """``cam_of`` for each of several tensors, from the same backward passes."""
    slopes = gradients(scores, layers, create_graph=create_graph)
    cams = []
    for activations, slope in zip(layers, slopes, strict=True):
        shape = as_maps or to_maps
        maps = shape(activations if create_graph else activations.detach())
        by_score = shape(slope.flatten(0, 1))
        by_score = by_score.reshape(*slope.shape[:2], *by_score.shape[1:])
        importance = by_score.mean(dim=(3, 4))
        evidence = torch.einsum("btc,bchw->bthw", importance, maps)
        moved = (by_score != 0).flatten(2).any(dim=2)
        cams.append(Cam(scores if create_graph else scores.detach(), importance, evidence, moved))
    return cams


def to_maps(output: Tensor) -> Tensor:
    """A layer's output → B×C×h×w: a map as it is; B×N×C tokens as the largest square grid that fits.

    Tokens in front of the grid (class, registers) are left out.

    Raises:
        CountingError: it is neither.
    """
    if output.ndim == 4:
        return output
    if output.ndim != 3:
        raise CountingError(f"a layer of shape {tuple(output.shape)} is no map (B×C×h×w) and no tokens (B×N×C)")
    side = math.isqrt(output.shape[1])
    grid = output[:, output.shape[1] - side**2 :].transpose(1, 2)
    return grid.reshape(*grid.shape[:2], side, side)


def to_size(maps: Tensor, height: int, width: int) -> Tensor:
    """...×h×w maps → ...×height×width, bilinearly."""
    flat = maps.reshape(1, -1, *maps.shape[-2:])
    return interpolate(flat, (height, width), mode="bilinear", align_corners=False).reshape(
        *maps.shape[:-2], height, width
    )
