"""The dissimilarity Δ between a candidate token and the beams of earlier groups (DBS, section 5.1)."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import normalize

from counting_datasets.errors import CountingError


class Diversity(Protocol):
    """Δ of every possible next token, summed over the earlier groups.

    It is called with the tokens of a group's W beams (N×W×t), those of the H earlier groups, which are one step
    ahead (N×H×W'×(t+1)), and the size V of the vocabulary. It returns N×W×V, or N×1×V if Δ is the same for all
    beams. Tokens are −1 after the end of a beam, and everywhere in a beam that does not exist.
    """

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor: ...


@dataclass(frozen=True)
class Hamming:
    """−1 for each earlier beam with the same token at this step."""

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor:
        tokens = earlier[..., -1].flatten(1)
        counts = torch.zeros(len(tokens), vocabulary + 1, device=tokens.device)
        return counts.scatter_(1, tokens + 1, -1, reduce="add")[:, None, 1:]


@dataclass(frozen=True)
class Cumulative:
    """−exp(−m / ``temperature``) for each earlier group, where m is the number of mismatches including this token.

    Beams that diverged long ago may use the same token again. The paper prints the term without the first sign, as
    a similarity.

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
        mismatches = before + exists.sum(dim=-1)[:, None]  # N×W×H, for a token that no earlier beam has
        others = -torch.exp(-mismatches / self.temperature)

        tokens = earlier[..., -1]
        same = (tokens.unsqueeze(-1) == tokens.unsqueeze(-2)).sum(dim=-1)[:, None]  # N×1×H×W': beams that share it
        # The difference of a shared token's term to that of all others, divided among the beams that share it.
        own = torch.exp((same - mismatches.unsqueeze(-1)) / self.temperature)
        parts = (own * torch.expm1(-same / self.temperature) / same).flatten(2)
        spread = tokens.flatten(1)[:, None].expand_as(parts)
        return others.sum(dim=-1, keepdim=True) + _scatter(spread, parts, vocabulary)


@dataclass(frozen=True)
class NGram:
    """−1 for each occurrence, at any position of an earlier beam, of the ``n``-gram that the token completes.

    Raises:
        CountingError: ``n`` is less than 1.
    """

    n: int = 2

    def __post_init__(self) -> None:
        if self.n < 1:
            raise CountingError(f"n: must be at least 1, is {self.n}")

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor:
        if earlier.shape[-1] < self.n:
            return torch.zeros(len(beams), 1, vocabulary, device=beams.device)
        grams = earlier.unfold(-1, self.n, 1).flatten(1, 3)  # N×Q×n
        context = beams[..., beams.shape[-1] - self.n + 1 :]
        occurs = (grams[:, None, :, :-1] == context.unsqueeze(2)).all(dim=-1)  # N×W×Q
        return _scatter(grams[:, None, :, -1].expand_as(occurs), -occurs.float(), vocabulary)


class NeuralEmbedding:
    """Minus the cosine similarity of the token's vector to that of each earlier beam's token at this step.

    A zero vector has similarity 0 to all others.

    Args:
        vectors: V×D, one vector per token.
    """

    def __init__(self, vectors: Tensor) -> None:
        if vectors.ndim != 2:
            raise CountingError(f"vectors: must be V×D, one per token, is {tuple(vectors.shape)}")
        self.directions = normalize(vectors.float(), dim=1)

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor:
        """Raises CountingError if there is not one vector per token."""
        if len(self.directions) != vocabulary:
            raise CountingError(f"vectors: {len(self.directions)} vectors for {vocabulary} tokens")
        directions = self.directions.to(beams.device)
        tokens = earlier[..., -1].flatten(1)
        chosen = directions[tokens.clamp(min=0)] * (tokens >= 0).unsqueeze(-1)
        return -(chosen.sum(dim=1) @ directions.T).unsqueeze(1)


def _scatter(tokens: Tensor, values: Tensor, vocabulary: int) -> Tensor:
    """…×Q values → …×V sums by token; values of token −1 are left out."""
    sums = values.new_zeros((*tokens.shape[:-1], vocabulary + 1))
    return sums.scatter_add_(-1, tokens + 1, values)[..., 1:]
