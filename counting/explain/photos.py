"""Explain the counts of a photo, as arrays of its own size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from counting.explain.counts import BACKBONE, Method, column_of, explain_counts
from counting.explain.grad_cam import Cam, to_size
from counting.explain.guided import guided_backpropagation, guided_grad_cam
from counting.models.counters.base import Counter
from counting.utils.derivatives import differentiable

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where a photo's count, or another score, of one category comes from.

    Attributes:
        category: what was counted.
        score: what is explained: the unclipped sum of the cells' raw counts, or a classifier's score.
        said: the score in words.
        cells: g² raw counts, clipped at 0; None of a model that is no counter.
        map: H×W, 0–1: its largest value is 1, unless it is zero all over.
        against: H×W, 0–1: the counterfactual map.
        why_empty: why ``map`` is zero all over; None where it is not. ``why_nothing_against`` is the other map's.
        guided: H×W×3, Guided Grad-CAM, within −1 and 1; None unless asked for.
    """

    category: str
    score: float
    said: str
    cells: Map | None
    map: Map
    against: Map
    why_empty: str | None
    why_nothing_against: str | None
    guided: Map | None = None


def explain_photo(
    counter: Counter,
    photo: Image.Image,
    categories: Sequence[str],
    *,
    layer: str = BACKBONE,
    method: Method = "fused",
    guided: bool = False,
) -> list[Explanation]:
    """Why ``counter`` counts so many of each of ``categories``: one forward pass, one more if ``guided``.

    Raises:
        CountingError: a category that the counter does not count, or a layer that it does not have.
    """
    counter.eval()
    columns = [column_of(counter, name) for name in categories]
    image = counter.preprocess(photo)[None].to(next(counter.parameters()).device)
    found = explain_counts(counter, image, categories, layer=layer, method=method)
    cells = found.cells[0].clamp(min=0).cpu().numpy()
    details: Sequence[Map | None] = [None] * len(categories)
    if guided:
        with differentiable():
            slopes = guided_backpropagation(counter, image, lambda raw: raw.sum(dim=1)[:, columns])
        details = detailed(found.cam, slopes, photo.size)
    return [
        describe(found.cam, row, counter.categories[column], photo.size, cells[:, row], details[row])
        for row, column in enumerate(columns)
    ]


def describe(
    cam: Cam,
    row: int,
    category: str,
    size: tuple[int, int],
    cells: Map | None = None,
    guided: Map | None = None,
    said: str | None = None,
) -> Explanation:
    """Score ``row`` of a Grad-CAM of one photo of ``size`` (width, height); ``said`` if not a count or class."""
    score = float(cam.scores[0, row])
    counts = cells is not None and said is None
    because = f"the counter counts {max(score, 0.0):.1f}" if counts else f"its score is {score:.2f}"
    empty, nothing = (cam.why_empty(0, row, counterfactual=against) for against in (False, True))
    return Explanation(
        category,
        score,
        said or (f"counted: {max(score, 0.0):.1f} {category}" if cells is not None else f"{score:.2f} {category}"),
        cells,
        _at_size(cam.maps[0, row], size),
        _at_size(cam.counterfactuals[0, row], size),
        empty and f"{empty}; {because}",
        nothing and f"{nothing}; {because}",
        guided,
    )


def detailed(cam: Cam, slopes: Tensor, size: tuple[int, int]) -> list[Map]:
    """Guided Grad-CAM of one photo: 1×T×3×side×side guided backpropagation → T of H×W×3."""
    products = to_size(guided_grad_cam(cam.maps, slopes)[0], size[1], size[0])
    largest = products.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=torch.finfo(products.dtype).tiny)
    return list((products / largest).permute(0, 2, 3, 1).cpu().numpy())


def _at_size(values: Tensor, size: tuple[int, int]) -> Map:
    """An h×w map as height×width, its largest value 1."""
    large = to_size(values, size[1], size[0])
    largest = large.max()
    scaled: Map = (large / largest if largest > 0 else large).cpu().numpy()
    return scaled
