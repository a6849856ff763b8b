"""Grad-CAM of a counter: where in a photo its count of a category comes from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from counting.explain.fused import fuse
from counting.explain.grad_cam import Cam, cams_of
from counting.explain.recording import recorded
from counting.models.cells import put_together
from counting.models.counters.base import Counter
from counting.utils.derivatives import differentiable
from counting_datasets.categories import canonical
from counting_datasets.errors import CountingError

BACKBONE = "cells.backbone"
"""The layer explained by default: what the backbone hands to the cells, of several maps the last."""

Method = Literal["fused", "grad-cam"]
METHODS: tuple[Method, ...] = ("fused", "grad-cam")


@dataclass(frozen=True, eq=False)
class CountCam:
    """Why a counter counts what it counts: T categories in each of B images.

    Attributes:
        cam: of the B×T unclipped counts; its maps span the whole image, those of cropped cells put together.
        cells: B×cells×T raw counts, unclipped.
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
    """Grad-CAM of the counts of ``categories``: one forward pass, one backward pass a category.

    Args:
        counter: in evaluation mode, frozen or not.
        images: B×3×side×side, as ``Counter.forward`` takes them.
        layer: a name from ``counter.named_modules()``. Of one that sees cropped cells, every cell has its own α.
        method: ``grad-cam``, as published, on the layer's last map; or ``fused``, on all its maps (see ``fuse``).
        create_graph: keep α and the maps in the graph, down to the weights before the layer.

    Raises:
        CountingError: a category that it does not count, or a layer that it does not have or that has no map.
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
    """As ``explain_by_method``, of whatever ``scores`` makes of the B×cells×K raw counts: B×T."""
    with differentiable(), recorded(counter, layer, cut=not create_graph) as recording:
        raw = counter(images.clone() if images.is_inference() else images)
        of_maps = cams_of(scores(raw), recording.tensors, create_graph=create_graph)
    cams = [_put_together(cam, len(images), layer) for cam in of_maps]
    cells = raw if create_graph else raw.detach()
    return {"fused": CountCam(fuse(cams), cells), "grad-cam": CountCam(cams[-1], cells)}


def column_of(counter: Counter, category: str) -> int:
    """Which of the counter's columns counts ``category``, under any name of its (``couch`` is ``sofa``).

    Raises:
        CountingError: none does.
    """
    names = [canonical(name) for name in counter.categories]
    if canonical(category) not in names:
        raise CountingError(f"this counter does not count {category!r}: it knows {', '.join(counter.categories)}")
    return names.index(canonical(category))


def _put_together(cam: Cam, images: int, layer: str) -> Cam:
    """The maps of each image's cells, (B·cells)×T×h×w row by row, as one of the image.

    Maps that span their image already stay as they are.
    """
    if len(cam.evidence) == images:
        return cam
    cells, rest = divmod(len(cam.evidence), images)
    side = math.isqrt(cells)
    if rest or side**2 != cells:
        raise CountingError(f"layer {layer}: puts out {len(cam.evidence)} maps for {images} photos")
    return replace(
        cam,
        importance=cam.importance.reshape(images, cells, *cam.importance.shape[1:]),
        evidence=put_together(cam.evidence, side),
        moved=cam.moved.reshape(images, cells, -1).any(dim=1),
    )
