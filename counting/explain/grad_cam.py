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
        scores: B×T, the explained scores, before any softmax and unclipped.
        importance: B×T×C, α: the mean of ∂score/∂A over the positions of the map.
        evidence: B×T×h×w, Σ_k α_k A_k before the ReLU: evidence for the score above 0, against it below 0.
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
        """Why a map is all zeros; None if it is not."""
        maps = self.counterfactuals if counterfactual else self.maps
        if bool((maps[image, score] > 0).any()):
            return None
        if not bool(self.moved[image, score]):
            return "the layer has no influence on it: every gradient is 0"
        if counterfactual:
            return "no evidence against it: the weighted sum of the channels is nowhere below 0"
        return "no evidence for it: the weighted sum of the channels is nowhere above 0"


def grad_cam(
    model: nn.Module,
    images: Tensor,
    layer: str,
    scores: Callable[[Tensor], Tensor],
    *,
    as_maps: AsMaps | None = None,
    create_graph: bool = False,
) -> Cam:
    """Grad-CAM of any model: one forward pass and, per score, one backward pass down to ``layer``.

    The model is explained in evaluation mode, then returned to its own mode.

    Args:
        model: its weights may be frozen.
        images: B×3×H×W, or whatever else the model takes.
        layer: a name from ``model.named_modules()``: usually a convolutional network's last map, or the
            first norm of the last block in a transformer that classifies by its class token.
        scores: the model's output → B×T scores, or B scores, one per image, such as
            ``lambda logits: logits[:, [207, 281]]``.
        as_maps: the layer's output → B×C×h×w, each map covering its image. By default the layout (maps B×C×h×w
            or B×h×w×C, or tokens B×N×C) is inferred from the height and width of the images; an ambiguous one is
            an error.
        create_graph: keep α and the maps in the graph, down to the weights before the layer.

    Raises:
        CountingError: no such layer, its output is not one map per image, or the scores have the wrong shape, are
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
            raise CountingError(f"layer {layer} returns {len(activations)} maps for {len(images)} images")
        shape = as_maps or partial(to_maps, layout=layout_of(model, layer, images))
        return cam_of(by_image, activations, as_maps=shape, create_graph=create_graph)


def cam_of(
    scores: Tensor, activations: Tensor, *, as_maps: AsMaps | None = None, create_graph: bool = False
) -> Cam:
    """Grad-CAM of B×T ``scores``, given ``activations``, the tensor in their graph to explain them by.

    Args:
        activations: B×C×h×w; anything else needs ``as_maps``.

    Without ``create_graph`` the result does not keep the graph alive.
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
        raise CountingError(f"as_maps returns {tuple(maps.shape)} for {images} images, should be B×C×h×w")
    return maps


def checked_scores(scores: object, images: int) -> Tensor:
    """B×T or B scores as B×T.

    Raises:
        CountingError: the scores have another shape, or are not finite.
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
        raise CountingError("cannot explain a score that is not finite")
    return scores


def to_size(maps: Tensor, height: int, width: int) -> Tensor:
    """...×h×w maps → ...×height×width, bilinearly."""
    flat = maps.reshape(1, -1, *maps.shape[-2:])
    return interpolate(flat, (height, width), mode="bilinear", align_corners=False).reshape(
        *maps.shape[:-2], height, width
    )
