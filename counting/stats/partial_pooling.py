"""Fit weights of each category with shrinkage towards shared weights, as rare categories have little data.

(Partial pooling: Gelman and Hill 2006, chapter 12.)
"""

from collections.abc import Callable

import torch
from torch import Tensor

ITERATIONS = 200
"""Maximum number of LBFGS iterations."""


def fit_partially_pooled(
    loss: Callable[[Tensor], Tensor], start: Tensor, categories: int, strength: float
) -> Tensor:
    """K×P weights that minimise ``loss`` + ``strength``/2 · (squared distance from P shared weights).

    ``loss`` maps K×P weights to a scalar, the negative log-likelihood. The shared weights are fitted too, from
    ``start``. LBFGS is deterministic: the same data gives the same weights.
    """
    shared = start.clone().requires_grad_()
    own = start.new_zeros(categories, len(start)).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [shared, own], max_iter=ITERATIONS, tolerance_change=1e-4, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = loss(shared + own) + strength / 2 * own.square().sum()
        torch.autograd.backward(total)
        return total

    optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch has no types for it
    return (shared + own).detach()
