"""The dissimilarity Δ between a candidate token and the beams of earlier groups (DBS, section 5.1)."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize

from counting_datasets.errors import CountingError


class Diversity(Protocol):
    """Δ for every token that may come next, summed over the earlier groups.

    It is called with the tokens so far of a group's W beams (N×W×t), those of the H groups before it, which have
    already made this step (N×H×W'×(t+1)), and the size V of the vocabulary. It returns N×W×V, or N×1×V where Δ is
    the same for all beams. Tokens are −1 after the end of a beam, and throughout a beam that does not exist.
    """

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor: ...


@dataclass(frozen=True)
class Hamming:
    """−1 for each earlier beam that has the token at this step."""

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor:
        tokens = earlier[..., -1].flatten(1)
        counts = torch.zeros(len(tokens), vocabulary + 1, device=tokens.device)
        return counts.scatter_(1, tokens + 1, -1, reduce="add")[:, None, 1:]


@dataclass(frozen=True)
class Cumulative:
    """−exp(−m / ``temperature``) for each earlier group, with m the mismatches so far and of this token.

    Beams that diverged long ago may say the same word again. The paper prints exp without the sign, as a
    similarity.

    Raises:
        CountingError: ``temperature`` (the paper's Γ) is not positive.
    """

    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise CountingError(f"temperature: {self.temperature} is not positive")

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor:
        exists = (earlier >= 0).any(dim=-1)  # N×H×W'
        differ = beams[:, :, None, None] != earlier[:, None, ..., :-1]  # N×W×H×W'×t
        before = (differ.sum(dim=-1) * exists[:, None]).sum(dim=-1)
        mismatches = before + exists.sum(dim=-1)[:, None]  # N×W×H, of a token that no earlier beam has
        others = -torch.exp(-mismatches / self.temperature)

        tokens = earlier[..., -1]
        same = (tokens.unsqueeze(-1) == tokens.unsqueeze(-2)).sum(dim=-1)[:, None]  # N×1×H×W': beams that share it
        # What a token's own term exceeds that of the others by, in as many parts as beams have the token.
        own = torch.exp((same - mismatches.unsqueeze(-1)) / self.temperature)
        parts = (own * torch.expm1(-same / self.temperature) / same).flatten(2)
        spread = tokens.flatten(1)[:, None].expand_as(parts)
        return others.sum(dim=-1, keepdim=True) + _scatter(spread, parts, vocabulary)


@dataclass(frozen=True)
class NGram:
    """−1 for each time the ``n``-gram that the token completes occurs in earlier beams, wherever it stands.

    Raises:
        CountingError: ``n`` is less than 1.
    """

    n: int = 2

    def __post_init__(self) -> None:
        if self.n < 1:
            raise CountingError(f"n: an n-gram has one token at least, not {self.n}")

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor:
        if earlier.shape[-1] < self.n:
            return torch.zeros(len(beams), 1, vocabulary, device=beams.device)
        grams = earlier.unfold(-1, self.n, 1).flatten(1, 3)  # N×Q×n
        context = beams[..., beams.shape[-1] - self.n + 1 :]
        occurs = (grams[:, None, :, :-1] == context.unsqueeze(2)).all(dim=-1)  # N×W×Q
        return _scatter(grams[:, None, :, -1].expand_as(occurs), -occurs.float(), vocabulary)


class NeuralEmbedding:
    """Minus the cosine of the token's vector and that of each earlier beam's token at this step: a soft Hamming.

    A vector of zeros is like no other.

    Args:
        vectors: V×D, the tokens' vectors.
    """

    def __init__(self, vectors: Tensor) -> None:
        if vectors.ndim != 2:
            raise CountingError(f"vectors: one per token is needed (V×D), these are {tuple(vectors.shape)}")
        self.directions = normalize(vectors.float(), dim=1)

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor:
        """Raises CountingError where the vocabulary and the vectors do not fit."""
        if len(self.directions) != vocabulary:
            raise CountingError(f"vectors: {len(self.directions)} of them, but {vocabulary} tokens")
        directions = self.directions.to(beams.device)
        tokens = earlier[..., -1].flatten(1)
        chosen = directions[tokens.clamp(min=0)] * (tokens >= 0).unsqueeze(-1)
        return -(chosen.sum(dim=1) @ directions.T).unsqueeze(1)


def _scatter(tokens: Tensor, values: Tensor, vocabulary: int) -> Tensor:
    """…×Q values summed by their tokens → …×V; those of token −1 are left out."""
    sums = values.new_zeros((*tokens.shape[:-1], vocabulary + 1))
    return sums.scatter_add_(-1, tokens + 1, values)[..., 1:]
