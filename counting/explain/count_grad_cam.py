"""Grad-CAM of a counter's counts: where in an image each count comes from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from counting.explain.feature_maps import AsMaps, layout_of, to_maps
from counting.explain.grad_cam import Cam, cams_of, checked_scores
from counting.explain.layer_fusion import fuse
from counting.explain.layer_recording import recorded
from counting.networks.backbones import Backbone
from counting.networks.cells import put_together
from counting.networks.counters.base import Counter
from counting.utils.derivatives import differentiable, evaluation_mode, ordinary_weights
from counting_datasets.categories import canonical
from counting_datasets.errors import CountingError

BACKBONE = "cells.backbone"
"""The layer explained by default: the feature maps from which the cells are pooled."""

Method = Literal["fused", "grad-cam"]
METHODS: tuple[Method, ...] = ("fused", "grad-cam")


@dataclass(frozen=True, eq=False)
class CountCam:
    """Grad-CAM of T scores of each of B images, computed from the images' cells.

    Attributes:
        cam: maps of the whole image; those of cropped cells are joined.
        cells: B×cells×T raw counts of the explained categories, or B×cells×K of all categories; unclipped.
    """

    cam: Cam
    cells: Tensor


def explain_counts(
    counter: Counter,
    images: Tensor,
    categories: Sequence[str],
    *,
    layer: str = BACKBONE,
    method: Method = "grad-cam",
    create_graph: bool = False,
) -> CountCam:
    """Grad-CAM of the counts of ``categories``: one forward pass, one backward pass per category.

    Args:
        counter: explained in evaluation mode, then returned to its own mode.
        images: B×3×side×side, as ``Counter.forward`` takes them.
        layer: a name from ``counter.named_modules()``. If its input is cropped cells, each cell has its own α.
        method: ``grad-cam``, as published, on the layer's last map; or ``fused``, on all its maps (see ``fuse``).
        create_graph: keep α and the maps in the graph, down to the weights before the layer.

    Raises:
        CountingError: a category that the counter does not count, or a layer that does not exist or whose output
            is no map.
    """
    found = explain_by_method(counter, images, categories, layer=layer, create_graph=create_graph)
    return found[method]


def explain_by_method(
    counter: Counter,
    images: Tensor,
    categories: Sequence[str],
    *,
    layer: str = BACKBONE,
    create_graph: bool = False,
) -> dict[Method, CountCam]:
    """``explain_counts`` by every method, from the same passes."""
    columns = [column_of(counter, name) for name in categories]

    def counts(raw: Tensor) -> Tensor:
        return raw[:, :, columns].sum(dim=1)

    found = explain_scores(counter, images, counts, layer=layer, create_graph=create_graph)
    return {name: replace(one, cells=one.cells[:, :, columns]) for name, one in found.items()}


def explain_scores(
    counter: Counter,
    images: Tensor,
    scores: Callable[[Tensor], Tensor],
    *,
    layer: str = BACKBONE,
    create_graph: bool = False,
) -> dict[Method, CountCam]:
    """As ``explain_by_method``, for any ``scores``: B×cells×K raw counts → B×T (or B).

    ``cells`` of the result are the raw counts of all K categories.
    """
    with (
        evaluation_mode(counter),
        differentiable(),
        recorded(counter, layer, cut=not create_graph) as recording,
        ordinary_weights(counter),
    ):
        raw = counter(images.clone() if images.is_inference() else images)
        wanted = checked_scores(scores(raw), len(images))
        as_maps = _as_maps(counter, layer, images)
        layers = cams_of(wanted, recording.tensors, as_maps=as_maps, create_graph=create_graph)
    cams = [_put_together(cam, len(images), layer) for cam in layers]
    cells = raw if create_graph else raw.detach()
    return {"fused": CountCam(fuse(cams), cells), "grad-cam": CountCam(cams[-1], cells)}


def column_of(counter: Counter, category: str) -> int:
    """The column of the counter's counts for ``category``, by its name or a synonym (``couch``).

    Raises:
        CountingError: the counter does not count it.
    """
    if category in counter.categories:
        return counter.categories.index(category)
    names = [canonical(name) for name in counter.categories]
    if canonical(category) not in names:
        raise CountingError(f"this counter does not count {category!r}: it knows {', '.join(counter.categories)}")
    return names.index(canonical(category))


def _as_maps(counter: Counter, layer: str, images: Tensor) -> AsMaps:
    """How to read the layer's output: maps B×C×h×w from the backbone, or one token per cell."""
    layout = layout_of(counter, layer, images)
    if isinstance(counter.get_submodule(layer), Backbone):
        layout = replace(layout, channels_first=True)

    def as_maps(output: Tensor) -> Tensor:
        if output.ndim == 3 and output.shape[1] in (counter.cells.grid.cells, counter.grid.cells):
            return output.transpose(1, 2).reshape(
                len(output), output.shape[2], *(math.isqrt(output.shape[1]),) * 2
            )
        return to_maps(output, layout)

    return as_maps


def _put_together(cam: Cam, images: int, layer: str) -> Cam:
    """The maps of each image's cells, (B·cells)×T×h×w row by row, as one map of the image.

    Maps of whole images are returned unchanged.
    """
    if len(cam.evidence) == images:
        return cam
    cells, rest = divmod(len(cam.evidence), images)
    side = math.isqrt(cells)
    if rest or side**2 != cells:
        raise CountingError(
            f"layer {layer} returns {len(cam.evidence)} maps for {images} images: name another layer"
        )
    return replace(
        cam,
        importance=cam.importance.reshape(images, cells, *cam.importance.shape[1:]),
        evidence=put_together(cam.evidence, side),
        moved=cam.moved.reshape(images, cells, -1).any(dim=1),
    )
