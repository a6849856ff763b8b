"""The number of true boxes, given each box's probability; and the probability of each box, given the number.

The number of true boxes is Poisson-binomial and computed box by box. A forward and a backward pass over the boxes
give each box's probability after reweighting the number's. Both are exact.
"""

from collections.abc import Iterator

import numpy as np

from counting.stats.metrics import Floats, Ints


def groups_of_one_size(groups: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Split D indices by the size B of their group: for each size, G group numbers and G×B indices."""
    order = np.argsort(groups, kind="stable")
    numbers, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    for size in np.unique(sizes):
        chosen = sizes == size
        yield numbers[chosen], order[starts[chosen][:, None] + np.arange(size)]


def count_probability(true: Floats) -> Floats:
    """G×B probabilities that a box is true → G×(B + 1) probabilities that 0, 1, …, B boxes are."""
    return _forward(true)[-1]


def given_counts(true: Floats, weight: Floats) -> Floats:
    """G×B probabilities that a box is true, after multiplying p(n true) by ``weight`` (G×(B + 1)).

    That is, with p(z) ∝ weight(Σ z) · Π true^z (1 − true)^(1 − z) over all z of zeros and ones, p(z_i = 1).
    """
    boxes = true.shape[1]
    before = _forward(true)
    after = weight  # by the number of true boxes so far: total weight over the states of the boxes to come
    found = np.empty_like(true)
    for box in reversed(range(boxes)):
        p = true[:, box : box + 1]
        taken, left = before[box] * p * after[:, 1:], before[box] * (1 - p) * after[:, :-1]
        found[:, box] = taken.sum(axis=1) / (taken + left).sum(axis=1)
        after = (1 - p) * after[:, :-1] + p * after[:, 1:]
    return found


def _forward(true: Floats) -> list[Floats]:
    """For the first 0, 1, …, B boxes, the distribution of the number of true ones."""
    found = [np.ones((len(true), 1))]
    for box in range(true.shape[1]):
        p = true[:, box : box + 1]
        longer = np.zeros((len(true), box + 2))
        longer[:, :-1] = found[-1] * (1 - p)
        longer[:, 1:] += found[-1] * p
        found.append(longer)
    return found
