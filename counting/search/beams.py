"""Beams: the partial sequences of a search, and the sequences that it finds."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Beam:
    """A sequence that a search found.

    Attributes:
        tokens: without start tokens and end token.
        finished: whether the end token followed.
        group: from 0.
        log_prob: the model's log-probability of the tokens and the end token.
        score: ``log_prob`` plus the diversity terms.
    """

    tokens: tuple[int, ...]
    finished: bool
    group: int
    log_prob: float
    score: float

    @property
    def length(self) -> int:
        """The number of tokens, including the end token; at least 1."""
        return max(1, len(self.tokens) + self.finished)


def normalized(total: float, length: int, penalty: float) -> float:
    """A log-probability or score, divided by length^penalty."""
    return float(total / length**penalty)


@dataclass(frozen=True)
class Beams:
    """The partial sequences of N items: G groups of W beams each.

    ``tokens`` is N×G×W×t, −1 after the end token; all others are N×G×W. A beam whose score is −∞ does not exist.
    ``unfinished`` flags the beams that can be extended.
    """

    tokens: Tensor
    log_probs: Tensor
    scores: Tensor
    unfinished: Tensor

    @classmethod
    def empty(cls, items: int, groups: int, device: torch.device) -> "Beams":
        """One empty beam in each group."""
        zeros = torch.zeros(items, groups, 1, device=device)
        tokens = torch.zeros(items, groups, 1, 0, dtype=torch.long, device=device)
        return cls(tokens, zeros, zeros, torch.ones_like(zeros, dtype=torch.bool))

    def exist(self) -> Tensor:
        """N×G×W flags of the beams that exist."""
        return self.scores > -torch.inf

    def rows(self, start: Tensor) -> Tensor:
        """The model's input, (N·G·W)×(s+t): N×s start tokens, then each beam's tokens, 0 after its end token."""
        beams = self.tokens.flatten(0, 2)
        return torch.cat([start.repeat_interleave(len(beams) // len(start), dim=0), beams.clamp(min=0)], dim=1)

    def found(self, item: int, end: int | None) -> list[Beam]:
        """The existing beams of an item, group by group."""
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
