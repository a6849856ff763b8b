"""Distributions of a photo's counts in COCO's categories, the input of the how-many head."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import one_hot

from counting.questions.how_many.encoding import EncodedQuestions
from counting.questions.parsing.reading import FEWEST
from counting.tables.count_table import CountTable
from counting_datasets.categories import COCO_CATEGORIES, match_categories
from counting_datasets.errors import DataError

LARGEST_ANSWER = 20
"""Largest answer, which stands for "20 or more"; HowMany-QA leaves larger ones out."""
ANSWERS = LARGEST_ANSWER + 1


@dataclass(frozen=True, eq=False)
class Evidence:
    """The counts of B photos in COCO's 80 categories.

    Attributes:
        probability: B×80×21 probabilities of the counts 0, 1, … and 20 or more; zeros where the count is unknown.
        known: B×80, whether the counter counts a category.
    """

    probability: Tensor
    known: Tensor

    def __getitem__(self, rows: Tensor) -> "Evidence":
        return Evidence(self.probability[rows], self.known[rows])

    @property
    def expected(self) -> Tensor:
        """B×80 expected counts, 0 where unknown."""
        counts = torch.arange(ANSWERS, dtype=self.probability.dtype, device=self.probability.device)
        return self.probability @ counts

    @property
    def presence(self) -> "Evidence":
        """The distribution of each category's presence: 1 if the photo has any, else 0."""
        none = self.probability[..., :1]
        some = self.probability[..., 1:].sum(dim=-1, keepdim=True)
        rest = self.probability.new_zeros(*none.shape[:-1], ANSWERS - 2)
        return Evidence(torch.cat([none, some, rest], dim=-1), self.known)

    def keeping(self, known: Tensor) -> "Evidence":
        """The evidence restricted to the categories in ``known`` (B×80 or 80)."""
        known = self.known & known
        return Evidence(self.probability * known[..., None], known)


def sure(counts: Tensor) -> Evidence:
    """Evidence from B×80 certain counts, such as true ones: a point mass each."""
    probability = one_hot(counts.clamp(0, LARGEST_ANSWER).long(), ANSWERS).float()
    return Evidence(probability, torch.ones(counts.shape, dtype=torch.bool))


def nothing(photos: int) -> Evidence:
    """Evidence for photos of which no count is known."""
    return Evidence(
        torch.zeros(photos, len(COCO_CATEGORIES), ANSWERS),
        torch.zeros(photos, len(COCO_CATEGORIES), dtype=torch.bool),
    )


def from_table(table: CountTable) -> Evidence:
    """The table's distributions, or where it has none its rounded counts as certain, in COCO's categories.

    Raises:
        DataError: none of the table's categories is one of COCO's.
    """
    return from_counts(table.categories, table.counts, table.distribution)


def from_counts(
    categories: tuple[str, ...], counts: NDArray[np.float64], distribution: NDArray[np.float32] | None
) -> Evidence:
    """As ``from_table``, for B×K counts and their B×K×(L + 1) distributions, if any."""
    columns = match_categories(categories, COCO_CATEGORIES)
    if not columns:
        raise DataError("the counts have none of COCO's categories, on which the how-many head is trained")
    theirs, ours = list(columns), list(columns.values())
    evidence = nothing(len(counts))
    evidence.known[:, ours] = True
    if distribution is None:
        rounded = torch.from_numpy(np.floor(counts[:, theirs] + 0.5))
        evidence.probability[:, ours] = sure(rounded).probability
    else:
        evidence.probability[:, ours] = capped(torch.from_numpy(distribution[:, theirs]).float())
    return evidence


def capped(probability: Tensor) -> Tensor:
    """...×(L + 1) → ...×21: the probabilities of 20 and more are summed."""
    if probability.shape[-1] < ANSWERS:
        lacking = ANSWERS - probability.shape[-1]
        return torch.nn.functional.pad(probability, (0, lacking))
    beyond = probability[..., LARGEST_ANSWER:].sum(dim=-1, keepdim=True)
    return torch.cat([probability[..., :LARGEST_ANSWER], beyond], dim=-1)


def asked_categories(questions: EncodedQuestions, evidence: Evidence) -> Tensor:
    """B×80: the known categories whose counts each question adds up."""
    asked = questions.asked & evidence.known
    otherwise = questions.otherwise & evidence.known
    few = (evidence.expected * asked).sum(dim=1) < FEWEST
    return torch.where((few & otherwise.any(dim=1))[:, None], otherwise, asked)


def count_prior(questions: EncodedQuestions, evidence: Evidence) -> Tensor:
    """B×21: the distribution of the count that each question asks for; zeros where it asks for no known category.

    As in ``Reading.count``: for kinds, the number of categories present; for people with gear, at most the count
    of their gear. Counts of different categories are assumed to be independent.
    """
    asked = asked_categories(questions, evidence)
    gear = questions.gear & (evidence.known | ~questions.gear).all(dim=1, keepdim=True)
    limited = (evidence.expected * gear).sum(dim=1) >= FEWEST
    total = torch.where(questions.of_kinds[:, None], _sum(asked, evidence.presence), _sum(asked, evidence))
    return torch.where(limited[:, None], at_most(total, _sum(gear, evidence)), total)


def at_most(total: Tensor, limit: Tensor) -> Tensor:
    """...×N and ...×N → ...×N: the distribution of the smaller of two independent counts."""
    both = total.flip(-1).cumsum(-1) * limit.flip(-1).cumsum(-1)
    return torch.nn.functional.pad(both, (1, 0)).diff(dim=-1).flip(-1)


def _sum(asked: Tensor, evidence: Evidence) -> Tensor:
    """B×21: the distribution of the summed counts of ``asked``; zeros where nothing is asked for."""
    most = int(asked.sum(dim=1).max()) if len(asked) else 0
    if most == 0:
        return evidence.probability.new_zeros(len(asked), ANSWERS)
    chosen, places = asked.float().topk(most, dim=1)
    terms = evidence.probability.gather(1, places[..., None].expand(-1, -1, ANSWERS))
    none = (torch.arange(ANSWERS, device=terms.device) == 0).to(terms)
    terms = torch.where(chosen[..., None] > 0, terms, none)
    total = terms[:, 0]
    if most > 1:
        length = most * LARGEST_ANSWER + 1
        product = torch.fft.rfft(terms, n=length, dim=-1).prod(dim=1)
        total = capped(torch.fft.irfft(product, n=length, dim=-1).clamp(min=0))
    return total * asked.any(dim=1, keepdim=True)
