"""The step function of a model, the checks of what it returns, and its state, which follows the beams."""

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
"""Amount by which a log-probability of a half-precision model may exceed 0."""


def advance(step: Step[State], tokens: Tensor, state: State) -> tuple[Tensor, State]:
    """Call ``step`` and check what it returns → rows×V log-probabilities, in single precision at least; the state.

    Raises:
        CountingError: ``step`` does not return a pair, or its log-probabilities have the wrong shape, are NaN, +∞
            or above 0, or are probabilities.
    """
    returned = step(tokens, state)
    if not isinstance(returned, tuple) or len(returned) != 2:
        what = f"a tuple of {len(returned)}" if isinstance(returned, tuple) else f"a {type(returned).__name__}"
        raise CountingError(f"step: must return log-probabilities and the state (None without one), not {what}")
    log_probs, state = returned
    if not isinstance(log_probs, Tensor) or log_probs.ndim != 2 or len(log_probs) != len(tokens):
        shape = tuple(log_probs.shape) if isinstance(log_probs, Tensor) else type(log_probs).__name__
        raise CountingError(f"step: must return log-probabilities of {len(tokens)} rows × V, not {shape}")
    if not log_probs.shape[1]:
        raise CountingError("step: the vocabulary is empty")
    log_probs = log_probs.to(torch.promote_types(log_probs.dtype, torch.float32))
    largest = log_probs.amax(dim=1)
    if not (largest < torch.inf).all():  # NaN is not less, either
        raise CountingError("step: returned NaN or +∞ as a log-probability")
    above = largest.amax()
    if above > ROUNDING or (above > 0 and log_probs.amin() >= 0):
        raise CountingError(
            f"step: returned {float(above):.4g} as a log-probability, which cannot be above 0: return"
            " logits.log_softmax(-1), not logits or probabilities"
        )
    return log_probs, state


def select_rows(state: Any, rows: Tensor) -> Any:
    """The given rows of a state: of tensors, whose first dimension is rows, and of containers of tensors.

    Containers are tuples, named tuples, lists and mappings, and keep their type: a ``ModelOutput`` of transformers
    stays one.

    Raises:
        CountingError: the state holds anything else, or a tensor without those rows.
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
    raise CountingError(f"reorder: give a function that selects rows of a {type(state).__name__}")


def _rows_of(tensor: Tensor, rows: Tensor) -> Tensor:
    try:
        return tensor.index_select(0, rows)
    except (IndexError, RuntimeError):
        shape = tuple(tensor.shape)
        raise CountingError(
            f"state: a tensor of shape {shape} does not have a row for each beam first; give a reorder function"
        ) from None
