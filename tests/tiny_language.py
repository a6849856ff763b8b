"""Languages small enough to search by hand, and Diverse Beam Search written for reading."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counting.search.beams import Beam
from counting.search.diversity import Cumulative, Diversity, Hamming, NeuralEmbedding, NGram

START = torch.zeros(1, 1, dtype=torch.long)
"""The start of a search of one item."""

Floats = NDArray[np.float64]
Tokens = tuple[int, ...]
Delta = Callable[[Tokens, list[list[Tokens]]], float]
"""Δ of a sequence, whose last token is the candidate, against the sequences of each earlier group."""


@dataclass(frozen=True)
class Language:
    """Log-probabilities that depend on all tokens so far; ``spread`` makes some tokens likelier than others."""

    seed: int
    vocabulary: int
    spread: float = 1.5

    def log_probs(self, tokens: Tokens) -> list[float]:
        logits = np.random.default_rng([self.seed, *tokens]).normal(scale=self.spread, size=self.vocabulary)
        return [float(value) for value in logits - np.log(np.exp(logits).sum())]

    def step(self, tokens: Tensor, state: None) -> tuple[Tensor, None]:
        """As the decoder wants it; the first column is the start."""
        rows = [self.log_probs(tuple(row[1:])) for row in tokens.tolist()]
        return torch.tensor(rows, dtype=torch.float64), None


@dataclass(frozen=True)
class Found:
    """A beam of the searches below."""

    tokens: Tokens
    log_prob: float = 0.0
    score: float = 0.0
    ended: bool = False

    def worth(self, penalty: float) -> float:
        return self.score / max(1, len(self.tokens)) ** penalty


def extensions(language: Language, beam: Found, end: int | None) -> list[Found]:
    if beam.ended:
        return [beam]
    return [
        Found((*beam.tokens, token), beam.log_prob + value, beam.score + value, token == end)
        for token, value in enumerate(language.log_probs(beam.tokens))
    ]


def naive_beam_search(
    language: Language, width: int, steps: int, end: int | None, penalty: float = 0.0
) -> list[Found]:
    """Plain beam search, best first; tokens include the end."""
    beams = [Found(())]
    for _ in range(steps):
        longer = [each for beam in beams for each in extensions(language, beam, end)]
        beams = sorted(longer, key=lambda beam: beam.worth(penalty), reverse=True)[:width]
    return beams


def naive_diverse_beam_search(
    language: Language, width: int, strengths: list[float], steps: int, end: int | None, delta: Delta
) -> list[list[Found]]:
    """DBS, algorithm 1: the beams of each group."""
    groups = [[Found(())] for _ in strengths]
    for _ in range(steps):
        for number, strength in enumerate(strengths):
            earlier = [[beam.tokens for beam in group] for group in groups[:number]]
            candidates = [
                longer
                if beam.ended
                else replace(longer, score=longer.score + strength * delta(longer.tokens, earlier))
                for beam in groups[number]
                for longer in extensions(language, beam, end)
            ]
            groups[number] = sorted(candidates, key=lambda beam: beam.score, reverse=True)[:width]
    return groups


def hamming(tokens: Tokens, earlier: list[list[Tokens]]) -> float:
    step = len(tokens) - 1
    return -float(sum(step < len(other) and other[step] == tokens[step] for group in earlier for other in group))


def cumulative(temperature: float) -> Delta:
    def delta(tokens: Tokens, earlier: list[list[Tokens]]) -> float:
        mismatches = [
            sum(t >= len(other) or other[t] != token for other in group for t, token in enumerate(tokens))
            for group in earlier
        ]
        return -float(np.exp(-np.array(mismatches) / temperature).sum())

    return delta


def ngram(n: int) -> Delta:
    def delta(tokens: Tokens, earlier: list[list[Tokens]]) -> float:
        if len(tokens) < n:
            return 0.0
        others = [other for group in earlier for other in group]
        return -float(sum(other[i : i + n] == tokens[-n:] for other in others for i in range(len(other) - n + 1)))

    return delta


def neural_embedding(vectors: Floats) -> Delta:
    def cosine(a: Floats, b: Floats) -> float:
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

    def delta(tokens: Tokens, earlier: list[list[Tokens]]) -> float:
        step = len(tokens) - 1
        others = [other[step] for group in earlier for other in group if step < len(other)]
        return -sum(cosine(vectors[tokens[step]], vectors[other]) for other in others)

    return delta


VECTORS = np.random.default_rng(1).normal(size=(6, 3))
DIVERSITIES: dict[str, tuple[Diversity, Delta]] = {
    "hamming": (Hamming(), hamming),
    "cumulative": (Cumulative(2.0), cumulative(2.0)),
    "1-gram": (NGram(1), ngram(1)),
    "2-gram": (NGram(2), ngram(2)),
    "3-gram": (NGram(3), ngram(3)),
    "neural embedding": (NeuralEmbedding(torch.from_numpy(VECTORS)), neural_embedding(VECTORS)),
}
"""Every diversity, and the same as written above."""


def with_end(beam: Beam, end: int | None) -> Tokens:
    """The tokens of a beam, with its end as in the searches above."""
    return (*beam.tokens, end) if beam.finished and end is not None else beam.tokens
