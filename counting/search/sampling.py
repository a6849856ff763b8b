"""Sampling of sequences from a model, a baseline for Diverse Beam Search."""

from collections.abc import Callable

import torch
from torch import Tensor

from counting.search.beams import Beam
from counting.search.step import State, Step, advance, select_rows
from counting_datasets.errors import CountingError


@torch.no_grad()
def sample(
    step: Step[State],
    start: Tensor,
    state: State,
    number: int,
    max_length: int,
    end: int,
    random: torch.Generator,
    reorder: Callable[[State, Tensor], State] = select_rows,
) -> list[list[Beam]]:
    """Sample ``number`` sequences for each of N items, most probable first, with repetitions.

    ``step``, ``start``, ``state`` and ``reorder`` are as for ``DiverseBeamSearch``; ``max_length`` includes the
    end token.

    Raises:
        CountingError: ``number`` or ``max_length`` is less than 1.
    """
    for name, value in (("number", number), ("max_length", max_length)):
        if value < 1:
            raise CountingError(f"{name}: must be at least 1, is {value}")
    rows = torch.arange(len(start), device=start.device).repeat_interleave(number)
    tokens, state = start[rows], reorder(state, rows)
    total = torch.zeros(len(rows), device=start.device)
    unfinished = torch.ones_like(total, dtype=torch.bool)
    for _ in range(max_length):
        log_probs, state = advance(step, tokens, state)
        drawn = torch.multinomial(log_probs.exp(), 1, generator=random)
        total += log_probs.gather(1, drawn).squeeze(1) * unfinished
        tokens = torch.cat([tokens, drawn.where(unfinished[:, None], end)], dim=1)
        unfinished &= drawn.squeeze(1) != end
        if not unfinished.any():
            break
    drawn_tokens = tokens[:, start.shape[1] :].tolist()
    found = [_beam(row, end, log_prob) for row, log_prob in zip(drawn_tokens, total.tolist(), strict=True)]
    return [
        sorted(found[item * number : (item + 1) * number], key=lambda beam: -beam.log_prob)
        for item in range(len(start))
    ]


def _beam(row: list[int], end: int, log_prob: float) -> Beam:
    finished = end in row
    return Beam(tuple(row[: row.index(end)] if finished else row), finished, 0, log_prob, log_prob)
