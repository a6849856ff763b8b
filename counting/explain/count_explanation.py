"""Explain the counts of a photo: the evidence for a category, as a map of the photo's size."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from counting.explain.count_grad_cam import BACKBONE, Method, column_of, explain_counts
from counting.explain.explanation import Explanation, Map, Subject, explanation
from counting.explain.grad_cam import Cam, to_size
from counting.explain.guided_backpropagation import guided_backpropagation, guided_grad_cam
from counting.networks.checkpoint import Checkpoint
from counting.networks.counters.base import Counter
from counting.stats.best_guess import BestGuess, best_guesses
from counting.stats.count_distribution import SHOWN_FROM, Calibration


def explain_category(checkpoint: Checkpoint, photo: Image.Image, category: str) -> Explanation:
    """Where in ``photo`` the count of ``category`` comes from: ``.map``, ``.score``, ``.figure()``.

    Args:
        checkpoint: a loaded counter, from ``find_counter``; its mode and weights are left unchanged.
        photo: of any size and mode.

    Raises:
        CountingError: the counter does not count the category.
    """
    (found,) = explain_photo(checkpoint.counter, photo, [category], calibration=checkpoint.calibration)
    return found


def explain_photo(
    counter: Counter,
    photo: Image.Image,
    categories: Sequence[str],
    *,
    calibration: Calibration | None = None,
    layer: str = BACKBONE,
    method: Method = "fused",
    guided: bool = False,
) -> list[Explanation]:
    """``explain_category`` for several categories, in one forward pass, or two with ``guided``.

    Args:
        calibration: the counter's, from which the headings take their best guesses.
        layer, method: as for ``explain_counts``.
        guided: also compute Guided Grad-CAM.

    Raises:
        CountingError: a category that the counter does not count, or a layer that does not exist.
    """
    photo = photo.convert("RGB")
    columns = [column_of(counter, name) for name in categories]
    names = [counter.categories[column] for column in columns]
    image = counter.preprocess(photo)[None].to(next(counter.parameters()).device)
    found = explain_counts(counter, image, names, layer=layer, method=method)
    cells = found.cells[0].clamp(min=0).float().cpu().numpy()
    counts = np.zeros(len(counter.categories))
    counts[columns] = cells.sum(axis=0)
    shown_from = SHOWN_FROM if calibration is None else calibration.shown_from
    distribution = None if calibration is None else calibration.distribution(counts)
    guesses = best_guesses(counts, distribution, shown_from)
    details: Sequence[Map | None] = [None] * len(categories)
    if guided:
        slopes = guided_backpropagation(counter, image, lambda raw: raw.sum(dim=1)[:, columns])
        details = detailed(found.cam, slopes, photo.size)
    return [
        explanation(
            photo,
            found.cam,
            row,
            _subject(names[row], counts[column], guesses[column]),
            cells=cells[:, row],
            guided=details[row],
        )
        for row, column in enumerate(columns)
    ]


def _subject(category: str, count: float, guess: BestGuess) -> Subject:
    return Subject(
        heading=f"{guess.words(category)}; the cells add up to {count:.1f}",
        evidence=f"evidence for {category}",
        against=f"evidence against {category}",
        score=f"the counter counts {count:.1f}",
        category=category,
    )


def detailed(cam: Cam, slopes: Tensor, size: tuple[int, int]) -> list[Map]:
    """Guided Grad-CAM of one photo: 1×T×3×side×side guided backpropagation → T arrays of H×W×3."""
    products = to_size(guided_grad_cam(cam.maps, slopes)[0], size[1], size[0])
    largest = products.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=torch.finfo(products.dtype).tiny)
    return list((products / largest).permute(0, 2, 3, 1).float().cpu().numpy())
