"""Random counts with the errors of a real counter, from the true counts of a photo.

A calibrated counter gives p(true count | raw count). By Bayes' rule, p(raw | true) ∝ p(true | raw) p(raw), where
p(raw) is such that the calibrated distributions add up to the frequencies of the true counts. It is found by
expectation maximization (as in the deconvolution of Lucy 1974).
"""

import numpy as np
import torch
from torch import Tensor

from counting.questions.how_many.evidence import ANSWERS, LARGEST_ANSWER, Evidence, capped, nothing
from counting.stats.count_distribution import Calibration
from counting_datasets.categories import COCO_CATEGORIES, match_categories
from counting_datasets.errors import DataError

_STEPS = 30
"""Number of steps of expectation maximization; more would concentrate p(raw) on a few raw counts."""
_RAW = np.concatenate([[0.0], np.geomspace(0.005, 30, 119)])
"""Discrete values of raw counts."""


class SimulatedCounter:
    """Draws count distributions, as a counter could give them, for photos with known true counts.

    Attributes:
        known: 80 flags of the COCO categories that the counter counts.

    Raises:
        DataError: it counts none of COCO's categories.
    """

    def __init__(self, calibration: Calibration, categories: tuple[str, ...], true: Tensor) -> None:
        """``true``: N×80 counts, which give the frequency of each count."""
        columns = match_categories(categories, COCO_CATEGORIES)
        if not columns:
            raise DataError("the counter has none of COCO's categories")
        self._columns = list(columns.values())
        self.known = torch.zeros(len(COCO_CATEGORIES), dtype=torch.bool)
        self.known[self._columns] = True
        raw = np.repeat(_RAW[:, None], len(categories), axis=1)
        told = capped(torch.from_numpy(calibration.distribution(raw)))[:, list(columns)]
        self._told = told.transpose(0, 1).contiguous()
        """K×R×21: the calibrated distribution for each raw count."""
        occurs = torch.stack([_frequencies(true[:, column]) for column in self._columns])
        self._given_true = _given_true(self._told, occurs).cumsum(dim=-1)
        """K×21×R: cumulative probabilities of the raw counts, given the true count."""

    def draw(self, true: Tensor, generator: torch.Generator) -> Evidence:
        """B×80 true counts → random evidence; categories that the counter does not count are unknown."""
        evidence = nothing(len(true))
        evidence.known[:] = self.known
        members = torch.arange(len(self._columns)).expand(len(true), -1)
        evidence.probability[:, self._columns] = self._draw(true[:, self._columns], members, generator)
        return evidence

    def draw_all(self, true: Tensor, generator: torch.Generator) -> Evidence:
        """As ``draw``, but a category that it does not count gets the errors of a random one that it does."""
        members = torch.randint(len(self._columns), true.shape, generator=generator)
        members[:, self._columns] = torch.arange(len(self._columns))
        return Evidence(self._draw(true, members, generator), torch.ones(true.shape, dtype=torch.bool))

    def _draw(self, true: Tensor, members: Tensor, generator: torch.Generator) -> Tensor:
        """B×k true counts, and B×k indices of the categories whose errors to use → B×k×21 distributions."""
        up_to = self._given_true[members, true.clamp(0, LARGEST_ANSWER).long()]
        chance = torch.rand(true.shape, generator=generator)[..., None] * up_to[..., -1:]
        raw = torch.searchsorted(up_to, chance)[..., 0].clamp(max=len(_RAW) - 1)
        return self._told[members, raw]


def _frequencies(true: Tensor) -> Tensor:
    """21 smoothed relative frequencies of the counts."""
    times = torch.bincount(true.clamp(0, LARGEST_ANSWER).long(), minlength=ANSWERS).float() + 0.1
    return times / times.sum()


def _given_true(told: Tensor, occurs: Tensor) -> Tensor:
    """K×R×21 distributions and K×21 frequencies of true counts → p(raw | true), K×21×R."""
    share = torch.full(told.shape[:2], 1 / told.shape[1])
    for _ in range(_STEPS):
        joint = share[..., None] * told
        explained = joint / joint.sum(dim=1, keepdim=True).clamp(min=1e-12)
        share = (explained * occurs[:, None]).sum(dim=2)
    joint = (share[..., None] * told).transpose(1, 2)
    return joint / joint.sum(dim=2, keepdim=True).clamp(min=1e-30)
