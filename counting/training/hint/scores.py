"""Does a counter rest its counts on the cells where people see the objects?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from counting.inputs.batches import batched
from counting.models.counters.base import Counter
from counting.training.hint.loss import importance

BATCH = 64


@dataclass(frozen=True, eq=False)
class GroundingScores:
    """One entry for each pair of a photo and a category that is in it.

    Attributes:
        photo: the photo's number.
        category: the category's.
        correlation: Spearman's rank correlation of the cells' importance to the counter and to people; 0 where
            one of them finds all cells alike.
        pointing: whether the cell most important to the counter has some of an object in it.
    """

    photo: NDArray[np.int64]
    category: NDArray[np.int64]
    correlation: NDArray[np.float64]
    pointing: NDArray[np.bool_]


def grounding_scores(counter: Counter, photos: Iterable[tuple[Tensor, Tensor]]) -> GroundingScores:
    """Score photos given as cells×width features and cells×K importance to people (HINT, section 5)."""
    counter.eval()
    pairs: list[tuple[int, int, float, bool]] = []
    first = 0
    for batch in batched(photos, BATCH):
        features, human = (torch.stack(parts) for parts in zip(*batch, strict=True))
        seen = features.detach().requires_grad_()
        counts = counter.raw_counts(counter.head(seen)).sum(dim=1)
        of_category = human.sum(dim=1) != 0
        for category in torch.nonzero(of_category.any(dim=0))[:, 0].tolist():
            found = importance(counts[:, category], seen, create_graph=False).numpy()
            for row in torch.nonzero(of_category[:, category])[:, 0].tolist():
                mine, wanted = found[row], human[row, :, category].numpy()
                pairs.append((first + row, category, rank_correlation(mine, wanted), wanted[mine.argmax()] > 0))
        first += len(batch)
    photo, category_of, correlation, pointing = (np.array(column) for column in zip(*pairs, strict=True))
    return GroundingScores(photo, category_of, correlation, pointing)


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Spearman's, ties given their mean rank; 0 where all of one are alike."""
    first, second = (rankdata(values) - (len(values) + 1) / 2 for values in (one, other))
    norm = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / norm) if norm else 0.0
