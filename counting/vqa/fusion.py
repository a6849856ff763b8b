"""Injection: a question model's answers fused with the counts' prior, as a product of experts.

log p(answer) = Σ_i w_i log((1 − ε_i) p_i(answer) + ε_i Σ_n p_i(n) k_i(answer | n)) + constant. The kernel k_i
falls off with |log(1 + answer) − log(1 + n)|, at another rate upwards than downwards, so that an expert that is
sure and wrong makes near answers likelier than far ones and rules none out. The weights w_i ≥ 0 and ε_i depend on
whether the count is what the question asks for. All are fitted on validation questions. (Product of experts:
Hinton 2002; logarithmic opinion pool: Genest and Zidek 1986.)
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from counting.vqa.evidence import ANSWERS
from counting.vqa.question_encoding import EncodedQuestions

GROUPS = ("unmapped", "answered", "in doubt")
"""No category is named; a count of categories is asked for; one is named, but more is asked than its count."""

_ITERATIONS = 200
_PULL = 1e-3
"""Weights that few questions speak for stay near where they start."""


class Fusion(nn.Module):
    """Fuses P experts.

    Attributes:
        strength: 3×P, by group of ``GROUPS``: w = softplus(strength).
        doubt: 3×P: ε = sigmoid(doubt).
        slope: P×2: at what rates, their softplus, the kernel falls upwards and downwards.
    """

    def __init__(self, experts: int) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.full((len(GROUPS), experts), 0.5))
        self.doubt = nn.Parameter(torch.full((len(GROUPS), experts), -2.0))
        self.slope = nn.Parameter(torch.zeros(experts, 2))

    def forward(self, experts: Sequence[Tensor], group: Tensor) -> Tensor:
        """P distributions B×21, zeros where an expert says nothing, and B groups → B×21 log-probabilities."""
        total = torch.zeros_like(experts[0])
        for place, probability in enumerate(experts):
            heard = probability.sum(dim=1, keepdim=True) > 0
            epsilon = self.doubt[group, place].sigmoid()[:, None]
            softened = (1 - epsilon) * probability + epsilon * (probability @ self._kernel(place))
            log = torch.where(heard, softened, 1 / ANSWERS).log()
            total = total + softplus(self.strength[group, place])[:, None] * log
        return total.log_softmax(dim=1)

    def _kernel(self, place: int) -> Tensor:
        """21×21: k(answer | n), a row each n."""
        position = torch.arange(ANSWERS, dtype=self.slope.dtype).log1p()
        distance = position - position[:, None]
        up, down = softplus(self.slope[place])
        falls: Tensor = -up * distance.clamp(min=0) - down * (-distance).clamp(min=0)
        return falls.softmax(dim=1)


def group_of(questions: EncodedQuestions, asked: Tensor) -> Tensor:
    """B indices into ``GROUPS``; ``asked`` is B×80, the known categories that each asks for."""
    named = asked.any(dim=1)
    return torch.where(named, torch.where(questions.answered, 1, 2), 0)


def fit_fusion(experts: Sequence[Tensor], group: Tensor, target: Tensor) -> Fusion:
    """The weights of greatest likelihood on B questions with B×21 target distributions of their answers."""
    fusion = Fusion(len(experts))
    parameters = list(fusion.parameters())
    starts = [parameter.detach().clone() for parameter in parameters]
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=_ITERATIONS, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        pairs = zip(parameters, starts, strict=True)
        pull = torch.stack([(parameter - start).square().sum() for parameter, start in pairs]).sum()
        surprise: Tensor = -(target * fusion(experts, group)).sum(dim=1).mean() + _PULL * pull
        surprise.backward()  # type: ignore[no-untyped-call]
        return surprise

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return fusion.eval().requires_grad_(False)
