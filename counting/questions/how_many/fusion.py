"""Fusion of a question model's answers with the counts' prior, as a product of experts.

log p(answer) = Σ_i w_i log((1 − ε_i) p_i(answer) + ε_i Σ_n p_i(n) k_i(answer | n)) + constant. The kernel k_i
falls off with |log(1 + answer) − log(1 + n)|, at one rate upwards and another downwards, so that an expert that is
certain but wrong still favours near answers over far ones and rules none out: people undercount crowds, and there
are at most as many "red cars" as cars. The weights w_i ≥ 0, the doubts ε_i and both rates are squashed linear
functions of the *signs*: how the question was parsed, its length, and each expert's entropy and expected answer.
They have one set of coefficients for certain counts (such as true ones) and one for others. All are fitted on
questions that the experts were not trained on. (Product of experts: Hinton 2002; logarithmic
opinion pool: Genest and Zidek 1986.)
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from counting.questions.how_many.encoding import HOW, REFUSALS, EncodedQuestions
from counting.questions.how_many.evidence import ANSWERS
from counting.questions.parsing.reading import Refusal
from counting_datasets.categories import COCO_CATEGORIES

DOUBTFUL: tuple[Refusal, ...] = ("kinds", "groups", "colour", "property", "capacity")
"""Refusals of questions that ask for more than the count of the categories they name."""
SIGNS = 7 + len(DOUBTFUL)
"""Number of features of a question: see ``signs_of``."""

_STRENGTH, _DOUBT = 0.5, -2.0
"""Weight and doubt before squashing, at the start of fitting."""
_ITERATIONS = 200
_PULL = 3.0
"""Strength of the L2 penalty on the coefficients: a Gaussian prior of variance 1/6."""
_CERTAIN = 0.999


class Fusion(nn.Module):
    """Fuses P experts by F signs: the question's, and each expert's entropy and log(1 + expected answer).

    F includes each sign twice, once for certain counts and once for others.

    Attributes:
        strength: F×P: w = softplus(0.5 + signs · strength).
        doubt: F×P: ε = sigmoid(−2 + signs · doubt).
        slope: F×P×2: softplus gives the rates at which the kernel falls off upwards and downwards.
    """

    def __init__(self, experts: int) -> None:
        super().__init__()
        signs = 2 * (SIGNS - 1 + 2 * experts)
        self.strength = nn.Parameter(torch.zeros(signs, experts))
        self.doubt = nn.Parameter(torch.zeros(signs, experts))
        self.slope = nn.Parameter(torch.zeros(signs, experts, 2))

    def forward(self, experts: Sequence[Tensor], signs: Tensor) -> Tensor:
        """P distributions B×21, zeros where an expert has no answer, and B×``SIGNS`` → B×21 log-probabilities."""
        certain, told = signs[:, :1], torch.cat([signs[:, 1:], *map(_outlook, experts)], dim=1)
        signs = torch.cat([certain * told, (1 - certain) * told], dim=1)
        strength = softplus(_STRENGTH + signs @ self.strength)
        doubt = (_DOUBT + signs @ self.doubt).sigmoid()
        total = torch.zeros_like(experts[0])
        for place, probability in enumerate(experts):
            heard = probability.sum(dim=1, keepdim=True) > 0
            epsilon = doubt[:, place, None]
            spread = torch.einsum("bn,bna->ba", probability, _kernel(signs @ self.slope[:, place]))
            softened = (1 - epsilon) * probability + epsilon * spread
            log = torch.where(heard, softened, 1 / ANSWERS).log()
            total = total + strength[:, place, None] * log
        return total.log_softmax(dim=1)


def _kernel(slope: Tensor) -> Tensor:
    """B×2 → B×21×21: k(answer | n), one row per n."""
    position = torch.arange(ANSWERS, dtype=slope.dtype).log1p()
    distance = position - position[:, None]
    up, down = softplus(slope)[..., None, None].unbind(dim=1)
    falls: Tensor = -up * distance.clamp(min=0) - down * (-distance).clamp(min=0)
    return falls.softmax(dim=2)


def _outlook(probability: Tensor) -> Tensor:
    """B×21 → B×2: an expert's entropy and log(1 + expected answer); zeros where it has no answer."""
    # not torch.special.entr, whose slope at 0 is infinite
    entropy = -(probability * probability.clamp(min=1e-9).log()).sum(dim=1)
    expected = probability @ torch.arange(ANSWERS, dtype=probability.dtype)
    return torch.stack([entropy, expected.log1p()], dim=1)


def signs_of(questions: EncodedQuestions, asked: Tensor, prior: Tensor) -> Tensor:
    """B×``SIGNS`` of B questions; ``asked`` is B×80, the known categories that each asks for, ``prior`` B×21.

    In order: whether the prior is certain; whether the question names no category, names some and asks for their
    count, or names some and asks for more; whether it names only people; whether it names a super-category; which
    of ``DOUBTFUL`` it is; its length.
    """
    named, answered = asked.any(dim=1), questions.answered
    people = asked[:, COCO_CATEGORIES.index("person")] & (asked.sum(dim=1) == 1)
    read = [~named, named & answered, named & ~answered, people]
    understood = questions.understood
    places = [HOW.index("super-category"), *(len(HOW) + REFUSALS.index(why) for why in DOUBTFUL)]
    length = (questions.words > 0).sum(dim=1, keepdim=True) / 10
    certain = (prior > _CERTAIN).any(dim=1, keepdim=True).float()
    return torch.cat([certain, torch.stack(read, dim=1).float(), understood[:, places], length], dim=1)


def fit_fusion(experts: Sequence[Tensor], signs: Tensor, target: Tensor) -> Fusion:
    """The fusion of maximum likelihood on B questions with B×21 target distributions of their answers."""
    fusion = Fusion(len(experts))
    parameters = list(fusion.parameters())
    optimizer = torch.optim.LBFGS(
        parameters, max_iter=_ITERATIONS, tolerance_change=1e-7, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        pull = torch.stack([parameter.square().sum() for parameter in parameters]).sum()
        surprise: Tensor = -(target * fusion(experts, signs)).sum(dim=1).mean() + _PULL / len(target) * pull
        surprise.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
        return surprise

    optimizer.step(loss)  # type: ignore[no-untyped-call]  # torch has no types for it
    return fusion.eval().requires_grad_(False)
