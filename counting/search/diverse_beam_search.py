"""Diverse Beam Search (DBS, section 3): beams in groups, each group steered away from what those before it say.

    search = DiverseBeamSearch(beams=20, groups=20, strength=0.5, max_length=16, end=2)
    for beam in search(step, start=torch.tensor([[1]]), state=model.encode(photo))[0]:
        print(beam.group, beam.log_prob, vocabulary.decode(beam.tokens))

Any model will do: ``step`` gets the tokens so far (rows×t, start tokens included) and its own state, and returns
log-probabilities of the next token (rows×V) and the new state. It is called once a step, on the beams of all
groups of all items together: the batched form.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from counting.search.beams import Beam, Beams, normalized
from counting.search.diversity import Diversity, Hamming
from counting.search.pool import Pool
from counting_datasets.errors import CountingError

State = TypeVar("State")
Step = Callable[[Tensor, State], tuple[Tensor, State]]


def select_rows(state: Any, rows: Tensor) -> Any:
    """The given rows of a state: of tensors, whose first dimension is rows, and tuples, lists and dicts of them.

    Raises:
        CountingError: anything else is in it.
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    if isinstance(state, dict):
        return {key: select_rows(value, rows) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)([select_rows(value, rows) for value in state])
    raise CountingError(f"reorder: give a function that selects rows of a {type(state).__name__}")


@dataclass(frozen=True)
class DiverseBeamSearch:
    """``beams`` in ``groups`` of equal size; one group is plain beam search, and so is each at strength 0.

    At every step a group keeps its best beams by (log-probability + Σ ``strength`` · ``diversity``) over
    length^``length_penalty``. A finished beam holds its place among them, unchanged, until better ones push it
    out. A beam that no token can follow is dropped; where that would leave a group empty, its beams stop
    unfinished. Which of equally good tokens is taken is not defined. In the end all beams are ranked by
    log-probability over length^``length_penalty``.

    Args:
        strength: the paper's λ, ≥ 0, for all groups or for each; that of the first has no effect.
        max_length: of a sequence, the end token included.
        end: the token that finishes a beam; None if there is none.
        rank_by: ``log_prob``; or ``score`` to end and rank beams as transformers 4.56.2 does (see ``Pool``).

    Raises:
        CountingError: names the argument that is wrong.
    """

    beams: int
    groups: int
    strength: float | Sequence[float] = 0.5
    max_length: int = 20
    end: int | None = None
    diversity: Diversity = Hamming()  # noqa: RUF009 - it holds nothing
    length_penalty: float = 0.0
    rank_by: Literal["log_prob", "score"] = "log_prob"

    def __post_init__(self) -> None:
        for name in ("beams", "groups", "max_length"):
            if getattr(self, name) < 1:
                raise CountingError(f"{name}: must be at least 1, is {getattr(self, name)}")
        if self.groups > self.beams:
            raise CountingError(f"groups: {self.groups} of them cannot be made of {self.beams} beams")
        if self.beams % self.groups:
            raise CountingError(f"beams: {self.beams} cannot be divided into {self.groups} equal groups")
        if len(self.strengths) != self.groups:
            raise CountingError(f"strength: {len(self.strengths)} values for {self.groups} groups")
        if not all(0 <= strength < math.inf for strength in self.strengths):
            raise CountingError(f"strength: must be 0 or more, is {self.strength}")
        if not math.isfinite(self.length_penalty):
            raise CountingError(f"length_penalty: must be finite, is {self.length_penalty}")
        if self.rank_by not in ("log_prob", "score"):
            raise CountingError(f"rank_by: must be log_prob or score, is {self.rank_by}")

    @property
    def strengths(self) -> tuple[float, ...]:
        """λ of each group."""
        if isinstance(self.strength, Sequence):
            return tuple(self.strength)
        return (self.strength,) * self.groups

    @torch.no_grad()
    def __call__(
        self,
        step: Step[State],
        start: Tensor,
        state: State,
        reorder: Callable[[State, Tensor], State] = select_rows,
    ) -> list[list[Beam]]:
        """Decode N items, all on the device of ``start``.

        Args:
            step: is called with N rows at first, then with a row for each beam, finished ones included.
            start: N×s tokens that every sequence of an item begins with; s may be 0.
            state: what ``step`` needs beside the tokens, N rows of it.
            reorder: ``(state, rows) → state`` with the rows that go on, repeated and in order.

        Returns:
            for each item its beams, best first: as many as asked for, or all there are.

        Raises:
            CountingError: ``start`` or what ``step`` returns has the wrong shape, the latter is NaN or +∞
                somewhere, or the vocabulary is empty or has no ``end``.
        """
        if start.ndim != 2 or start.is_floating_point():
            raise CountingError(f"start: must be N×s tokens, is {tuple(start.shape)} of {start.dtype}")
        if not len(start):
            return []
        pool = self._pool(len(start))
        beams, read = Beams.empty(len(start), self.groups, start.device), start
        for length in range(1, self.max_length + 1):
            log_probs, state = step(read, state)
            log_probs = self._by_beam(log_probs, read, beams)
            rows = torch.arange(len(read), device=start.device).view(len(start), -1, beams.tokens.shape[2])
            beams, parents = self._extend(beams, log_probs, pool)
            if length == self.max_length or (pool.done() if pool else not beams.unfinished.any()):
                break
            state = reorder(state, rows.expand(-1, self.groups, -1).gather(2, parents).flatten())
            read = beams.rows(start)
        if pool:
            pool.close(beams)
        return [self._ranked(pool.found(n) if pool else beams.found(n, self.end)) for n in range(len(start))]

    def _pool(self, items: int) -> Pool | None:
        if self.rank_by == "log_prob":
            return None
        return Pool(items, self.groups, self.beams // self.groups, self.end, self.length_penalty)

    def _ranked(self, beams: list[Beam]) -> list[Beam]:
        by: Callable[[Beam], float] = attrgetter(self.rank_by)
        penalty = self.length_penalty
        return sorted(beams, key=lambda beam: normalized(by(beam), beam.length, penalty), reverse=True)

    def _by_beam(self, log_probs: Tensor, read: Tensor, beams: Beams) -> Tensor:
        """Check rows×V log-probabilities → N×G×W×V; at first, one row serves all groups of an item."""
        if not isinstance(log_probs, Tensor) or log_probs.ndim != 2 or len(log_probs) != len(read):
            shape = tuple(log_probs.shape) if isinstance(log_probs, Tensor) else type(log_probs).__name__
            raise CountingError(f"step: must return log-probabilities of {len(read)} rows × V, not {shape}")
        vocabulary = log_probs.shape[1]
        if not vocabulary:
            raise CountingError("step: the vocabulary is empty")
        if self.end is not None and not 0 <= self.end < vocabulary:
            raise CountingError(f"end: token {self.end} is not in a vocabulary of {vocabulary}")
        if not (log_probs.amax(dim=1) < torch.inf).all():  # NaN is not less, either
            raise CountingError("step: returned NaN or +∞ as a log-probability")
        items, groups, width, _ = beams.tokens.shape
        precise = log_probs.to(torch.promote_types(log_probs.dtype, torch.float32))
        return precise.reshape(items, -1, width, vocabulary).expand(-1, groups, -1, -1)

    def _extend(self, beams: Beams, log_probs: Tensor, pool: Pool | None) -> tuple[Beams, Tensor]:
        """One step of every group (DBS, algorithm 1) → the beams and, N×G×W, their parents in the group."""
        items, groups, old_width, vocabulary = log_probs.shape
        width = min(self.beams // groups, old_width * vocabulary)
        tokens = beams.tokens.new_empty(items, groups, width, beams.tokens.shape[-1] + 1)
        totals = self._totals(beams, log_probs)
        # Views of every group, made at once: with small models the time goes into many small operations.
        before, after = beams.tokens.unbind(1), tokens.unbind(1)
        candidates, with_tokens = totals.flatten(2).unbind(1), totals[..., 1:].unbind(1)
        scores, index = [], []
        for group, strength in enumerate(self.strengths):
            if group and strength:
                delta = self.diversity(before[group], tokens[:, :group], vocabulary)
                with_tokens[group].add_(delta, alpha=strength)
            if pool:
                best, where = pool.take(beams, log_probs, group, candidates[group], width)
            else:
                best, where = candidates[group].topk(width)
            _continue(before[group], best, where, after[group], vocabulary)
            scores.append(best)
            index.append(where)
        parents = torch.stack(index, dim=1) // (vocabulary + 1)
        return _chosen(beams, log_probs, tokens, torch.stack(scores, dim=1), parents, self.end), parents

    def _totals(self, beams: Beams, log_probs: Tensor) -> Tensor:
        """N×G×W×(1+V) scores of each beam as it is, where it may stay so, and with each token."""
        can_stay = beams.exist() & ~beams.unfinished
        can_go_on = beams.unfinished & (log_probs.amax(dim=-1) > -torch.inf)
        stuck = ~(can_stay | can_go_on).any(dim=2, keepdim=True)
        goes_on = beams.unfinished & ~stuck
        totals = log_probs.new_empty((*log_probs.shape[:-1], log_probs.shape[-1] + 1))
        torch.add(log_probs, beams.scores.masked_fill(~goes_on, -torch.inf).unsqueeze(-1), out=totals[..., 1:])
        # Those that go on are all of one length: it is enough to bring the others to it.
        lengths = (beams.tokens >= 0).sum(dim=-1).clamp(min=1)
        at_length = ((beams.tokens.shape[-1] + 1) / lengths) ** self.length_penalty
        totals[..., 0] = (beams.scores * at_length).masked_fill(goes_on, -torch.inf)
        return totals


def _chosen(
    beams: Beams, log_probs: Tensor, tokens: Tensor, totals: Tensor, parents: Tensor, end: int | None
) -> Beams:
    """Beams of the chosen ``tokens`` (N×G×W×(t+1)), with their ``totals`` and ``parents`` (N×G×W)."""
    vocabulary, last = log_probs.shape[-1], tokens[..., -1]
    goes_on = last >= 0  # else it stays as it is, or does not exist
    picked = log_probs.flatten(2).gather(2, parents * vocabulary + last.clamp(min=0)).masked_fill(~goes_on, 0)
    stays = ~goes_on & (totals > -torch.inf)
    scores = torch.where(stays, beams.scores.gather(2, parents), totals)
    unfinished = goes_on if end is None else goes_on & (last != end)
    return Beams(tokens, beams.log_probs.gather(2, parents) + picked, scores, unfinished)


def _continue(before: Tensor, best: Tensor, index: Tensor, after: Tensor, vocabulary: int) -> None:
    """Write into N×W'×(t+1) the N×W×t tokens of a group, as the N×W' candidates at ``index`` in W×(1+V) go on."""
    parents = (index // (vocabulary + 1)).unsqueeze(-1).expand(-1, -1, before.shape[-1])
    last = (index % (vocabulary + 1) - 1).unsqueeze(-1)
    torch.cat([before.gather(1, parents), last], dim=-1, out=after)
    after.masked_fill_((best == -torch.inf).unsqueeze(-1), -1)
