"""Injection: a question model's answers fused with the counts' prior, as a product of experts.

log p(answer) = Σ_i w_i log((1 − ε_i) p_i(answer) + ε_i / 21) + constant. The weights w_i ≥ 0 depend on whether the
count is what the question asks for; ε_i keeps an expert that is sure and wrong from ruling an answer out. Both
are fitted on validation questions. (Product of experts: Hinton 2002; logarithmic opinion pool: Genest and
Zidek 1986.)
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from counting.vqa.evidence import ANSWERS
from counting.vqa.question_encoding import EncodedQuestions

GROUPS = ("unmapped", "answered", "in doubt")
"""No category is named; a count of categories is asked for; one is named, but more is asked than its count."""

_ITERATIONS = 100


class Fusion(nn.Module):
    """Fuses P experts.

    Attributes:
        strength: 3×P, by group of ``GROUPS``: w = softplus(strength).
        doubt: P: ε = sigmoid(doubt).
    """

    def __init__(self, experts: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.full((len(GROUPS), experts), 0.5))
        self.doubt = nn.Parameter(torch.full((experts,), -2.0))

    def forward(self, experts: Sequence[Tensor], group: Tensor) -> Tensor:
        """P distributions B×21, zeros where an expert has nothing to say, and B groups → B×21 log-probabilities."""
        return self.pooled(experts, group).log_softmax(dim=1)

    def pooled(self, experts: Sequence[Tensor], group: Tensor) -> Tensor:
        """As ``forward``, before the constant that makes the probabilities sum to 1."""
        total = torch.zeros_like(experts[0])
        for place, probability in enumerate(experts):
            silent = probability.sum(dim=1, keepdim=True) == 0
            epsilon = self.doubt[place].sigmoid()
            log = ((1 - epsilon) * torch.where(silent, 1 / ANSWERS, probability) + epsilon / ANSWERS).log()
            total = total + softplus(self.strength[group, place])[:, None] * log
        return total


def group_of(questions: EncodedQuestions, asked: Tensor) -> Tensor:
    """B indices into ``GROUPS``; ``asked`` is B×80, the known categories that each asks for."""
    named = asked.any(dim=1)
    return torch.where(named, torch.where(questions.answered, 1, 2), 0)


def fit_fusion(experts: Sequence[Tensor], group: Tensor, target: Tensor) -> Fusion:
    """The weights of greatest likelihood on B questions with B×21 target distributions of their answers."""
    fusion = Fusion(len(experts))
    optimizer = torch.optim.LBFGS(
        fusion.parameters(), max_iter=_ITERATIONS, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        # a weight that few questions speak for stays near its start
        pull = 1e-3 * sum((parameter - start).square().sum() for parameter, start in zip(parameters, starts))
        surprise = -(target * fusion(experts, group)).sum(dim=1).mean() + pull
        surprise.backward()
        return surprise

    parameters = list(fusion.parameters())
    starts = [parameter.detach().clone() for parameter in parameters]
    optimizer.step(loss)
    return fusion.eval().requires_grad_(False)
