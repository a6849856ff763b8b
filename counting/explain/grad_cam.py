"""Grad-CAM: where in an image a network's score comes from (Selvaraju et al., ICCV 2017)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from counting.explain.feature_maps import AsMaps, Layout, layout_of, to_maps
from counting.explain.layer_recording import gradients, recorded
from counting.utils.derivatives import differentiable, evaluation_mode, ordinary_weights
from counting_datasets.errors import CountingError


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

    The model is explained in evaluation mode, and left in the mode that it was in.

    Args:
        model: its weights may be frozen.
        images: B×3×H×W, or whatever else the model takes.
        layer: a name from ``model.named_modules()``: a convolutional network's last map is the usual choice, the
            first norm of the last block in a transformer that is read through its class token.
        scores: the model's output → B×T scores, or B of one score an image, such as
            ``lambda logits: logits[:, [207, 281]]``.
        as_maps: the layer's output → B×C×h×w, each map spanning its image. By default maps B×C×h×w and B×h×w×C and
            tokens B×N×C are told apart by the height and width of the images, and refused where those do not
            suffice.
        create_graph: keep α and the maps in the graph, down to the weights before the layer.

    Raises:
        CountingError: no such layer, its output makes no map for each image, or the scores are of the wrong shape,
            not finite, or do not depend on the layer.
    """
    with (
        evaluation_mode(model),
        differentiable(),
        recorded(model, layer, cut=not create_graph) as recording,
        ordinary_weights(model),
    ):
        inputs = images.clone() if images.is_inference() else images
        by_image = checked_scores(scores(model(inputs)), len(images))
        activations = recording.tensors[-1]
        if len(activations) != len(images):
            raise CountingError(f"layer {layer} puts out {len(activations)} maps for {len(images)} images")
        shape = as_maps or partial(to_maps, layout=layout_of(model, layer, images))
        return cam_of(by_image, activations, as_maps=shape, create_graph=create_graph)


def cam_of(
    scores: Tensor, activations: Tensor, *, as_maps: AsMaps | None = None, create_graph: bool = False
) -> Cam:
    """Grad-CAM of B×T ``scores`` that were computed from ``activations``, a tensor of their graph.

    Args:
        activations: B×C×h×w; anything else needs ``as_maps``.

    Without ``create_graph`` nothing in the answer holds the graph.
    """
    (cam,) = cams_of(scores, [activations], as_maps=as_maps, create_graph=create_graph)
    return cam


def cams_of(
    scores: Tensor, layers: Sequence[Tensor], *, as_maps: AsMaps | None = None, create_graph: bool = False
) -> list[Cam]:
    """``cam_of`` for each of several tensors, from the same backward passes."""
    slopes = gradients(scores, layers, create_graph=create_graph)
    shape = as_maps or partial(to_maps, layout=Layout())
    cams = []
    for activations, slope in zip(layers, slopes, strict=True):
        maps = _checked(shape(activations if create_graph else activations.detach()), len(activations))
        by_score = shape(slope.flatten(0, 1))
        by_score = by_score.reshape(*slope.shape[:2], *by_score.shape[1:])
        importance = by_score.mean(dim=(3, 4))
        evidence = torch.einsum("btc,bchw->bthw", importance, maps)
        moved = (by_score != 0).flatten(2).any(dim=2)
        cams.append(Cam(scores if create_graph else scores.detach(), importance, evidence, moved))
    return cams


def _checked(maps: Tensor, images: int) -> Tensor:
    if maps.ndim != 4 or len(maps) != images:
        raise CountingError(f"as_maps: gives {tuple(maps.shape)} for {images} images, should be B×C×h×w")
    return maps


def checked_scores(scores: object, images: int) -> Tensor:
    """B×T scores as they are, B as B×1.

    Raises:
        CountingError: they are something else, or not finite.
    """
    if not isinstance(scores, Tensor):
        raise CountingError(f"scores must be a tensor of shape images × scores, but are {type(scores).__name__}")
    if scores.numel() == images and scores.ndim < 2:
        scores = scores.reshape(images, 1)
    if scores.ndim != 2 or len(scores) != images:
        raise CountingError(
            f"scores of shape {tuple(scores.shape)} for {images} images: should be images × scores"
        )
    if not bool(scores.isfinite().all()):
        raise CountingError("a score is not finite, so nothing explains it")
    return scores


def to_size(maps: Tensor, height: int, width: int) -> Tensor:
    """...×h×w maps → ...×height×width, bilinearly."""
    flat = maps.reshape(1, -1, *maps.shape[-2:])
    return interpolate(flat, (height, width), mode="bilinear", align_corners=False).reshape(
        *maps.shape[:-2], height, width
    )
