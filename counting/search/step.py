"""A model's step function: checks of what it returns, and selection of rows of its state."""

import copy
from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar

import torch
from torch import Tensor

from counting_datasets.errors import CountingError

State = TypeVar("State")
Step = Callable[[Tensor, State], tuple[Tensor, State]]
"""Tokens so far (rows×t) and the model's state → log-probabilities of the next token (rows×V) and the state."""

ROUNDING = 1e-3
"""Largest rounding error by which a log-probability may exceed 0."""


def advance(step: Step[State], tokens: Tensor, state: State) -> tuple[Tensor, State]:
    """Call ``step`` and check the returned rows×V log-probabilities, in at least single precision, and state.

    Raises:
        CountingError: ``step`` does not return a pair, or its log-probabilities have the wrong shape, are NaN, +∞
            or above 0, or are probabilities.
    """
    returned = step(tokens, state)
    if not isinstance(returned, tuple) or len(returned) != 2:
        what = f"a tuple of {len(returned)}" if isinstance(returned, tuple) else f"a {type(returned).__name__}"
        raise CountingError(f"step: must return log-probabilities and the state (or None), not {what}")
    log_probs, state = returned
    if not isinstance(log_probs, Tensor) or log_probs.ndim != 2 or len(log_probs) != len(tokens):
        shape = tuple(log_probs.shape) if isinstance(log_probs, Tensor) else type(log_probs).__name__
        raise CountingError(f"step: must return log-probabilities of shape {len(tokens)}×V, not {shape}")
    if not log_probs.shape[1]:
        raise CountingError("step: the vocabulary is empty")
    log_probs = log_probs.to(torch.promote_types(log_probs.dtype, torch.float32))
    largest = log_probs.amax(dim=1)
    if not (largest < torch.inf).all():  # false for NaN as well
        raise CountingError("step: returned NaN or +∞ as a log-probability")
    above = largest.amax()
    if above > ROUNDING or (above > 0 and log_probs.amin() >= 0):
        raise CountingError(
            f"step: returned the log-probability {float(above):.4g}, which is above 0; return"
            " logits.log_softmax(-1), not logits or probabilities"
        )
    return log_probs, state


def select_rows(state: Any, rows: Tensor) -> Any:
    """Select rows of a state: a tensor whose first dimension is rows, or a container of such tensors.

    Containers may be tuples, named tuples, lists and mappings; they keep their type, such as transformers'
    ``ModelOutput``.

    Raises:
        CountingError: the state contains anything else, or a tensor without these rows.
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return _rows_of(state, rows)
    if isinstance(state, MutableMapping):
        selected = copy.copy(state)
        for key, value in state.items():
            selected[key] = select_rows(value, rows)
        return selected
    if isinstance(state, list | tuple):
        values = [select_rows(value, rows) for value in state]
        return state._make(values) if hasattr(state, "_make") else type(state)(values)
    raise CountingError(f"state: cannot select rows of a {type(state).__name__}; give a reorder function")


def _rows_of(tensor: Tensor, rows: Tensor) -> Tensor:
    try:
        return tensor.index_select(0, rows)
    except (IndexError, RuntimeError):
        shape = tuple(tensor.shape)
        raise CountingError(
            f"state: the first dimension of a {shape} tensor is not the beams'; give a reorder function"
        ) from None
