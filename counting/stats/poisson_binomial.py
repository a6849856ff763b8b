"""How many of some boxes are true, if each is with a probability of its own; and which, if the number is known.

The number of true boxes is Poisson-binomial, found box after box; a forward and a backward pass over the boxes
give each box's probability once the number's is weighed anew. Both are exact.
"""

from collections.abc import Iterator

import numpy as np

from counting.stats.metrics import Floats, Ints


def groups_of_one_size(groups: Ints) -> Iterator[tuple[Ints, Ints]]:
    """The D places of ``groups`` by the size B of the group they are in: G group numbers and G×B places."""
    order = np.argsort(groups, kind="stable")
    numbers, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    for size in np.unique(sizes):
        chosen = sizes == size
        yield numbers[chosen], order[starts[chosen][:, None] + np.arange(size)]


def count_probability(true: Floats) -> Floats:
    """G×B probabilities of boxes to be true → G×(B + 1): p(0 are), p(1 is), …."""
    return _forward(true)[-1]


def given_counts(true: Floats, weight: Floats) -> Floats:
    """G×B: the probability of each box when that of n true ones is multiplied by ``weight`` (G×(B + 1)).

    That is, with p(z) ∝ weight(Σ z) · Π true^z (1 − true)^(1 − z) over all z of zeros and ones, p(z_i = 1).
    """
    boxes = true.shape[1]
    before = _forward(true)
    after = weight  # by how many are true so far: the weight of the boxes still to come, summed over what they are
    found = np.empty_like(true)
    for box in reversed(range(boxes)):
        p = true[:, box : box + 1]
        taken, left = before[box] * p * after[:, 1:], before[box] * (1 - p) * after[:, :-1]
        found[:, box] = taken.sum(axis=1) / (taken + left).sum(axis=1)
        after = (1 - p) * after[:, :-1] + p * after[:, 1:]
    return found


def _forward(true: Floats) -> list[Floats]:
    """For the first 0, 1, …, B boxes: the probability of how many of them are true."""
    found = [np.ones((len(true), 1))]
    for box in range(true.shape[1]):
        p = true[:, box : box + 1]
        longer = np.zeros((len(true), box + 2))
        longer[:, :-1] = found[-1] * (1 - p)
        longer[:, 1:] += found[-1] * p
        found.append(longer)
    return found
