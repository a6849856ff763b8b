"""Diverse Beam Search (DBS, section 3): beam search in groups, each of which avoids the tokens of earlier groups.

    search = DiverseBeamSearch(beams=20, groups=20, strength=0.5, max_length=16, end=2)
    for beam in search(step, start=torch.tensor([[1]]), state=model.encode(photo))[0]:
        print(beam.group, beam.log_prob, vocabulary.decode(beam.tokens))

``step`` wraps any model: it takes the tokens so far (rows×t, including start tokens) and the model's state, and
returns the log-probabilities of the next token (rows×V) and the new state. It is called once per step, on the
beams of all groups and items together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

import torch
from torch import Tensor

from counting.search.beams import Beam, Beams, normalized
from counting.search.diversity import Diversity, Hamming
from counting.search.pool import Pool
from counting.search.step import State, Step, advance, select_rows
from counting_datasets.errors import CountingError

LARGEST_STRENGTH = 1e6
"""Largest diversity strength; above it, log-probabilities are lost to rounding in single precision."""
LARGEST_LENGTH_PENALTY = 10
"""Largest exponent of the length; above it, scores of long sequences underflow in single precision."""


@dataclass(frozen=True)
class DiverseBeamSearch:
    """Search with ``beams`` beams in ``groups`` equal groups; one group, or strength 0, is plain beam search.

    At every step a group keeps its best beams by (log-probability + Σ ``strength`` · ``diversity``) /
    length^``length_penalty``. A finished beam stays among them, unchanged, until better beams displace it. A beam
    that no token can follow is dropped, unless its group would become empty; then the group's beams stop
    unfinished. Ties are broken arbitrarily. At the end, all beams are ranked by log-probability /
    length^``length_penalty``.

    Args:
        strength: diversity strength (the paper's λ), from 0 to 1,000,000: one value for all groups, or one per
            group, of which the first has no effect.
        max_length: maximum number of tokens in a sequence, including the end token.
        end: the end token; None if there is none.
        rank_by: ``log_prob``, or ``score`` to finish and rank beams as transformers 4.56.2 does (see ``Pool``).
        pad: with ``rank_by="score"``, the token that a finished group repeats (transformers' ``pad_token_id``) and
            that later groups avoid; by default the end token.

    Raises:
        CountingError: an argument is out of range; the message names it.
    """

    beams: int
    groups: int
    strength: float | Sequence[float] = 0.5
    max_length: int = 20
    end: int | None = None
    diversity: Diversity = Hamming()  # noqa: RUF009 - it is immutable
    length_penalty: float = 0.0
    rank_by: Literal["log_prob", "score"] = "log_prob"
    pad: int | None = None

    def __post_init__(self) -> None:
        for name in ("beams", "groups", "max_length"):
            if getattr(self, name) < 1:
                raise CountingError(f"{name}: must be at least 1, is {getattr(self, name)}")
        if self.groups > self.beams:
            raise CountingError(f"groups: {self.beams} beams cannot be divided into {self.groups} groups")
        if self.beams % self.groups:
            raise CountingError(f"beams: {self.beams} cannot be divided into {self.groups} equal groups")
        if len(self.strengths) != self.groups:
            raise CountingError(f"strength: {len(self.strengths)} values for {self.groups} groups")
        if not all(strength >= 0 for strength in self.strengths):
            raise CountingError(f"strength: must be 0 or more, is {self.strength}")
        if max(self.strengths) > LARGEST_STRENGTH:
            raise CountingError(f"strength: must be at most {LARGEST_STRENGTH:,.0f}, is {self.strength}")
        if not abs(self.length_penalty) <= LARGEST_LENGTH_PENALTY:
            raise CountingError(
                f"length_penalty: must be finite, from -{LARGEST_LENGTH_PENALTY} to {LARGEST_LENGTH_PENALTY},"
                f" is {self.length_penalty}"
            )
        if self.rank_by not in ("log_prob", "score"):
            raise CountingError(f"rank_by: must be log_prob or score, is {self.rank_by}")
        if self.pad is not None and (self.rank_by != "score" or self.end is None):
            raise CountingError('pad: requires rank_by="score" and an end token')

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
        """Decode N items on the device of ``start``.

        Args:
            step: called with N rows at first, then with one row per beam, including finished beams.
            start: N×s tokens at the beginning of every sequence of an item; s may be 0.
            state: the model's state, with N rows; None if it has no state.
            reorder: ``(state, rows) → state`` selects the given rows, which may repeat.

        Returns:
            The beams of each item, best first; fewer than ``beams`` if fewer exist.

        Raises:
            CountingError: ``start`` has the wrong shape, ``step`` returns something else than log-probabilities of
                every row and a state (see ``advance``), or ``end`` or ``pad`` is not in its vocabulary.
        """
        if start.ndim != 2 or start.is_floating_point():
            raise CountingError(f"start: must be N×s tokens, is {tuple(start.shape)} of {start.dtype}")
        if not len(start):
            return []
        pool = self._pool(len(start))
        beams, read = Beams.empty(len(start), self.groups, start.device), start
        for length in range(1, self.max_length + 1):
            log_probs, state = advance(step, read, state)
            log_probs = self._by_beam(log_probs, beams)
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
        pad = self.end if self.pad is None else self.pad
        return Pool(items, self.groups, self.beams // self.groups, self.end, pad, self.length_penalty)

    def _ranked(self, beams: list[Beam]) -> list[Beam]:
        by: Callable[[Beam], float] = attrgetter(self.rank_by)
        penalty = self.length_penalty
        return sorted(beams, key=lambda beam: normalized(by(beam), beam.length, penalty), reverse=True)

    def _by_beam(self, log_probs: Tensor, beams: Beams) -> Tensor:
        """Rows×V log-probabilities → N×G×W×V; at the first step, all groups of an item share one row."""
        vocabulary = log_probs.shape[1]
        for name, token in (("end", self.end), ("pad", self.pad)):
            if token is not None and not 0 <= token < vocabulary:
                raise CountingError(f"{name}: token {token} is not in a vocabulary of {vocabulary}")
        items, groups, width, _ = beams.tokens.shape
        return log_probs.reshape(items, -1, width, vocabulary).expand(-1, groups, -1, -1)

    def _extend(self, beams: Beams, log_probs: Tensor, pool: Pool | None) -> tuple[Beams, Tensor]:
        """One step of all groups (DBS, algorithm 1) → the beams, and the N×G×W indices of their parents."""
        items, groups, old_width, vocabulary = log_probs.shape
        width = min(self.beams // groups, old_width * vocabulary)
        tokens = beams.tokens.new_empty(items, groups, width, beams.tokens.shape[-1] + 1)
        totals = self._totals(beams, log_probs)
        # Unbind once: with small models, the many small operations take most of the time.
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
        """N×G×W×(1+V) scores of each beam, first unchanged (−∞ if it must be extended), then with each token."""
        can_stay = beams.exist() & ~beams.unfinished
        can_go_on = beams.unfinished & (log_probs.amax(dim=-1) > -torch.inf)
        stuck = ~(can_stay | can_go_on).any(dim=2, keepdim=True)
        goes_on = beams.unfinished & ~stuck
        totals = log_probs.new_empty((*log_probs.shape[:-1], log_probs.shape[-1] + 1))
        torch.add(log_probs, beams.scores.masked_fill(~goes_on, -torch.inf).unsqueeze(-1), out=totals[..., 1:])
        # All extended beams have the same length, so only the scores of the unchanged ones need rescaling.
        lengths = (beams.tokens >= 0).sum(dim=-1).clamp(min=1)
        at_length = ((beams.tokens.shape[-1] + 1) / lengths) ** self.length_penalty
        totals[..., 0] = (beams.scores * at_length).masked_fill(goes_on, -torch.inf)
        return totals


def _chosen(
    beams: Beams, log_probs: Tensor, tokens: Tensor, totals: Tensor, parents: Tensor, end: int | None
) -> Beams:
    """The beams with the chosen ``tokens`` (N×G×W×(t+1)), ``totals`` and ``parents`` (N×G×W)."""
    vocabulary, last = log_probs.shape[-1], tokens[..., -1]
    goes_on = last >= 0  # otherwise the beam is unchanged or does not exist
    picked = log_probs.flatten(2).gather(2, parents * vocabulary + last.clamp(min=0)).masked_fill(~goes_on, 0)
    stays = ~goes_on & (totals > -torch.inf)
    scores = torch.where(stays, beams.scores.gather(2, parents), totals)
    unfinished = goes_on if end is None else goes_on & (last != end)
    return Beams(tokens, beams.log_probs.gather(2, parents) + picked, scores, unfinished)


def _continue(before: Tensor, best: Tensor, index: Tensor, after: Tensor, vocabulary: int) -> None:
    """Extend a group's N×W×t tokens by the N×W' candidates at ``index`` in W×(1+V), into ``after``, N×W'×(t+1)."""
    parents = (index // (vocabulary + 1)).unsqueeze(-1).expand(-1, -1, before.shape[-1])
    last = (index % (vocabulary + 1) - 1).unsqueeze(-1)
    torch.cat([before.gather(1, parents), last], dim=-1, out=after)
    after.masked_fill_((best == -torch.inf).unsqueeze(-1), -1)
