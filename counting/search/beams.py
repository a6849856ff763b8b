"""Beams: the tensors of a search under way, and what it finds."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Beam:
    """One sequence that a search found.

    ``tokens`` are without the start and the end token; ``finished`` says whether the end token came; ``group``
    counts from 0. ``log_prob`` is the model's, summed over the tokens and the end; ``score`` is that and the
    diversity terms.
    """

    tokens: tuple[int, ...]
    finished: bool
    group: int
    log_prob: float
    score: float

    @property
    def length(self) -> int:
        """Tokens, the end token included, and 1 at least."""
        return max(1, len(self.tokens) + self.finished)


def normalized(total: float, length: int, penalty: float) -> float:
    """A log-probability or score over length^penalty."""
    return float(total / length**penalty)


@dataclass(frozen=True)
class Beams:
    """The partial sequences of N items: G groups of W beams each.

    ``tokens`` (N×G×W×t) are −1 behind the end; the rest are N×G×W. A beam whose score is −∞ does not exist;
    ``unfinished`` ones may be extended.
    """

    tokens: Tensor
    log_probs: Tensor
    scores: Tensor
    unfinished: Tensor

    @classmethod
    def empty(cls, items: int, groups: int, device: torch.device) -> "Beams":
        """One beam without tokens in each group."""
        zeros = torch.zeros(items, groups, 1, device=device)
        tokens = torch.zeros(items, groups, 1, 0, dtype=torch.long, device=device)
        return cls(tokens, zeros, zeros, torch.ones_like(zeros, dtype=torch.bool))

    def exist(self) -> Tensor:
        """N×G×W."""
        return self.scores > -torch.inf

    def rows(self, start: Tensor) -> Tensor:
        """What the model reads, (N·G·W)×(s+t): the N×s start tokens and those of each beam, 0 behind its end."""
        beams = self.tokens.flatten(0, 2)
        return torch.cat([start.repeat_interleave(len(beams) // len(start), dim=0), beams.clamp(min=0)], dim=1)

    def found(self, item: int, end: int | None) -> list[Beam]:
        """The beams of an item that exist, group by group."""
        columns = (self.tokens[item], self.log_probs[item], self.scores[item], self.exist()[item])
        groups = zip(*(column.tolist() for column in columns), strict=True)
        return [
            _beam(tokens, end, number, log_prob, score)
            for number, group in enumerate(groups)
            for tokens, log_prob, score, exists in zip(*group, strict=True)
            if exists
        ]


def _beam(tokens: list[int], end: int | None, group: int, log_prob: float, score: float) -> Beam:
    kept = tuple(token for token in tokens if token >= 0)
    finished = end is not None and end in kept
    return Beam(kept[:-1] if finished else kept, finished, group, log_prob, score)
