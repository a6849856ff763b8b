"""The number of objects in a part of a photo, given the number in the photo and where the objects are."""

import numpy as np
from scipy.stats import binom

from counting.stats.metrics import Floats
from counting.stats.poisson_binomial import count_probability

CERTAIN = 0.99
"""Largest probability that a located object is there."""


def in_part(whole: Floats, inside: Floats, outside: Floats) -> Floats:
    """The distribution of the number of objects in a part.

    Each located object is there with the probability of its weight, independently, but for the number of all
    objects, which has the distribution ``whole``. Objects beyond the located ones are in the part in proportion to
    its weight. The means of parts that divide the photo therefore sum to the mean of ``whole``, and a part with
    all the weight has the distribution ``whole``.

    Args:
        whole: L + 1 probabilities of 0, 1, … and L or more objects in the photo.
        inside: weights of the objects located in the part.
        outside: weights of those located elsewhere.

    Returns:
        L + 1 probabilities of 0, 1, … and L or more objects in the part.
    """
    total = np.arange(len(whole))[:, None]
    part = np.arange(len(whole))[None]
    share = inside.sum() / max(inside.sum() + outside.sum(), np.finfo(float).tiny)
    located = len(inside) + len(outside)
    given = _given_total(_padded(inside, len(whole)), _padded(outside, len(whole)))
    beyond = binom.pmf(part - len(inside), total - located, share)
    given = np.where(total > located, beyond, given)
    impossible = given.sum(axis=1, keepdims=True) <= 0
    given = np.where(impossible, binom.pmf(part, total, share), given)
    return np.asarray(whole @ (given / given.sum(axis=1, keepdims=True)))


def _given_total(inside: Floats, outside: Floats) -> Floats:
    """Probabilities of the number inside and of that outside → those of the number inside (columns), given the
    total (rows), not normalized."""
    total, part = np.ogrid[: len(inside), : len(inside)]
    rest = total - part
    return np.where(rest >= 0, inside[part] * outside[rest.clip(min=0)], 0.0)


def _padded(weights: Floats, length: int) -> Floats:
    """The distribution of the number of objects with these weights, cut or padded with zeros to ``length``."""
    found = count_probability(weights.clip(1 - CERTAIN, CERTAIN)[None])[0][:length]
    return np.pad(found, (0, length - len(found)))
