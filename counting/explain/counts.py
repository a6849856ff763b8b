"""Grad-CAM of a counter: where in a photo its count of a category comes from."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from counting.counters.base import Counter
from counting.explain.fused import fuse
from counting.explain.grad_cam import Cam, cams_of
from counting.explain.recording import recorded
from counting_datasets.errors import CountingError

BACKBONE = "cells.backbone"
"""The layer explained by default: what the backbone hands to the cells, of several maps the last."""

Method = Literal["grad-cam", "fused"]


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
    columns = [column_of(counter, name) for name in categories]
    with recurrence_with_gradients(counter), recorded(counter, layer, cut=not create_graph) as recording:
        raw = counter(images.clone() if images.is_inference() else images)[:, :, columns]
        maps = recording.tensors if method == "fused" else recording.tensors[-1:]
        cams = cams_of(raw.sum(dim=1), maps, create_graph=create_graph)
    cams = [_put_together(cam, len(images), layer) for cam in cams]
    return CountCam(fuse(cams) if method == "fused" else cams[0], raw if create_graph else raw.detach())


def column_of(counter: Counter, category: str) -> int:
    """Which of the counter's columns counts ``category``.

    Raises:
        CountingError: none does.
    """
    if category not in counter.categories:
        raise CountingError(f"this counter does not count {category!r}: it knows {', '.join(counter.categories)}")
    return counter.categories.index(category)


@contextmanager
def recurrence_with_gradients(model: nn.Module) -> Iterator[None]:
    """cuDNN's recurrent layers have no gradients in evaluation mode, nor second ones ever: do without them."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and not recurrent):
        yield


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
    grid = cam.evidence.reshape(images, side, side, *cam.evidence.shape[1:])
    return replace(
        cam,
        importance=cam.importance.reshape(images, cells, *cam.importance.shape[1:]),
        evidence=grid.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3),
        moved=cam.moved.reshape(images, cells, -1).any(dim=1),
    )
