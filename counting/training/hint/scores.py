"""Grounding scores: how well the importance of cells to a counter agrees with human importance."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from counting.inputs.batches import batched
from counting.networks.counters.base import Counter
from counting.training.hint.loss import importance
from counting.utils.derivatives import differentiable, evaluation_mode

BATCH = 64


@dataclass(frozen=True, eq=False)
class GroundingScores:
    """Scores with one entry for each pair of a photo and a category that has human importance.

    Attributes:
        photo: index of the photo.
        category: index of the category.
        correlation: Spearman's rank correlation of the cells' importance to the counter and to people; 0 if
            all cells are equally important to one of them.
        pointing: whether the cell most important to the counter contains a part of an object.
    """

    photo: NDArray[np.int64]
    category: NDArray[np.int64]
    correlation: NDArray[np.float64]
    pointing: NDArray[np.bool_]


def grounding_scores(counter: Counter, photos: Iterable[tuple[Tensor, Tensor]]) -> GroundingScores:
    """The scores of photos, each given as cells×width features and cells×K human importance (HINT, section 5).

    Both may be on any device.
    """
    device = next(counter.parameters()).device
    pairs: list[tuple[int, int, float, bool]] = []
    first = 0
    with evaluation_mode(counter), differentiable(), torch.inference_mode(False), torch.enable_grad():
        for batch in batched(photos, BATCH):
            features, human = (torch.stack(parts) for parts in zip(*batch, strict=True))
            seen = features.detach().clone().to(device).requires_grad_()
            counts = counter.raw_counts(counter.head(seen)).sum(dim=1)
            marked = (human.sum(dim=1) != 0).cpu()
            for category in torch.nonzero(marked.any(dim=0))[:, 0].tolist():
                found = importance(counts[:, category], seen, create_graph=False).double().cpu().numpy()
                wanted = human[..., category].double().cpu().numpy()
                for row in torch.nonzero(marked[:, category])[:, 0].tolist():
                    hit = bool(wanted[row, found[row].argmax()] > 0)
                    pairs.append((first + row, category, rank_correlation(found[row], wanted[row]), hit))
            first += len(batch)
    photo, category_of, correlation, pointing = zip(*pairs, strict=True) if pairs else ((), (), (), ())
    return GroundingScores(
        np.array(photo, dtype=np.int64),
        np.array(category_of, dtype=np.int64),
        np.array(correlation, dtype=np.float64),
        np.array(pointing, dtype=np.bool_),
    )


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Spearman's rank correlation, with mean ranks for ties; 0 if all values of one array are equal."""
    first, second = (rankdata(values) - (len(values) + 1) / 2 for values in (one, other))
    norm = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / norm) if norm else 0.0
