"""Diverse Beam Search against plain searches, brute force and transformers, and what it returns."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_gpt2 import TinyGPT2
from tiny_language import (
    DIVERSITIES,
    START,
    Found,
    Language,
    naive_beam_search,
    naive_diverse_beam_search,
    with_end,
)
from torch import Tensor

from counting.search.beams import Beam
from counting.search.diverse_beam_search import DiverseBeamSearch

FIXTURES = json.loads((Path(__file__).parent / "fixtures/transformers_group_beam_search.json").read_text())


def check(found: list[Beam], expected: list[Found], end: int | None) -> None:
    """The same sequences in the same order, log-probabilities and scores."""
    assert [with_end(beam, end) for beam in found] == [beam.tokens for beam in expected]
    assert [beam.log_prob for beam in found] == pytest.approx([beam.log_prob for beam in expected])
    assert [beam.score for beam in found] == pytest.approx([beam.score for beam in expected], abs=1e-5)


def group_of(beams: list[Beam], number: int) -> list[Beam]:
    """The beams of a group, by score as the searches written for reading have them."""
    return sorted((beam for beam in beams if beam.group == number), key=lambda beam: -beam.score)


# What it equals


@pytest.mark.parametrize("end", [None, 3])
@pytest.mark.parametrize("width", [1, 2, 5, 8])
@pytest.mark.parametrize("penalty", [0.0, 0.7, 2.0])
def test_one_group_is_plain_beam_search(end: int | None, width: int, penalty: float) -> None:
    for seed in range(5):
        language = Language(seed, 6)
        search = DiverseBeamSearch(width, 1, max_length=6, end=end, length_penalty=penalty)
        expected = naive_beam_search(language, width, 6, end, penalty)
        check(search(language.step, START, None)[0], expected, end)


@pytest.mark.parametrize(("beams", "groups"), [(4, 2), (6, 3), (6, 6), (8, 2)])
@pytest.mark.parametrize("rank_by", ["log_prob", "score"])
def test_groups_of_strength_zero_are_plain_beam_searches(beams: int, groups: int, rank_by: Any) -> None:
    """The other end-of-sequence rule may stop later; without an end both are the same."""
    language = Language(7, 6)
    for end in (None, 3) if rank_by == "log_prob" else (None,):
        search = DiverseBeamSearch(beams, groups, strength=0, max_length=6, end=end, rank_by=rank_by)
        found = search(language.step, START, None)[0]
        for group in range(groups):
            check(group_of(found, group), naive_beam_search(language, beams // groups, 6, end), end)


@pytest.mark.parametrize("groups", [1, 2])
def test_as_many_beams_as_sequences_find_every_one(groups: int) -> None:
    language, vocabulary, steps, end = Language(0, 3), 3, 4, 2
    every = [
        tokens
        for length in range(1, steps + 1)
        for tokens in itertools.product(range(vocabulary), repeat=length)
        if end not in tokens[:-1] and (tokens[-1] == end or length == steps)
    ]
    log_prob = {
        tokens: sum(language.log_probs(tokens[:t])[token] for t, token in enumerate(tokens)) for tokens in every
    }
    best = sorted(every, key=lambda tokens: -log_prob[tokens])
    search = DiverseBeamSearch(groups * vocabulary**steps, groups, 0.5, max_length=steps, end=end)
    found = search(language.step, START, None)[0]
    for group in range(groups):
        of_group = [beam for beam in found if beam.group == group]
        assert [with_end(beam, end) for beam in of_group] == best
        assert [beam.log_prob for beam in of_group] == pytest.approx([log_prob[tokens] for tokens in best])
    assert sum(np.exp(list(log_prob.values()))) == pytest.approx(1)


@pytest.mark.parametrize("name", DIVERSITIES)
@pytest.mark.parametrize(("width", "groups"), [(1, 4), (3, 3)])
@pytest.mark.parametrize("end", [None, 3])
def test_every_diversity_steers_each_group_as_written(name: str, width: int, groups: int, end: int | None) -> None:
    diversity, delta = DIVERSITIES[name]
    strengths = [0.4, 0.8, 0.2, 3.0][:groups]
    for seed in range(4):
        language = Language(seed, 6)
        search = DiverseBeamSearch(width * groups, groups, strengths, 6, end, diversity)
        found = search(language.step, START, None)[0]
        expected = naive_diverse_beam_search(language, width, strengths, 6, end, delta)
        for number in range(groups):
            check(group_of(found, number), expected[number], end)


@pytest.mark.parametrize("case", FIXTURES["cases"], ids=lambda case: case["model"])
def test_ranked_by_score_it_finds_what_transformers_finds(case: dict[str, Any]) -> None:
    model = TinyGPT2(FIXTURES["models"][case["model"]], FIXTURES["heads"])
    search = DiverseBeamSearch(**case["search"], rank_by="score")
    for beams, expected in zip(search(model.step, torch.tensor(case["start"]), None), case["found"], strict=True):
        assert [list(with_end(beam, search.end)) for beam in beams] == [tokens for tokens, _ in expected]
        scores = [beam.score / beam.length**search.length_penalty for beam in beams]
        assert scores == pytest.approx([score for _, score in expected], abs=1e-4)


# What comes back


def test_beams_are_ranked_by_log_probability_over_length() -> None:
    search = DiverseBeamSearch(8, 4, 0.8, max_length=6, end=3, length_penalty=1.0)
    found = search(Language(0, 6).step, START, None)[0]
    worth = [beam.log_prob / beam.length for beam in found]
    assert worth == sorted(worth, reverse=True)
    scores = [beam.score / beam.length for beam in found]
    assert scores != sorted(scores, reverse=True)


def test_items_of_a_batch_do_not_meet() -> None:
    language = Language(0, 6)

    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        """The start is a token like the others."""
        return torch.tensor([language.log_probs(tuple(row)) for row in tokens.tolist()]), None

    for rank_by in ("log_prob", "score"):
        search = DiverseBeamSearch(6, 3, 0.6, max_length=5, end=3, rank_by=rank_by)  # type: ignore[arg-type]  # either name
        starts = torch.tensor([[1, 2], [2, 1], [4, 4]])
        assert search(step, starts, None) == [search(step, starts[n : n + 1], None)[0] for n in range(3)]
        assert search(step, starts[:0], None) == []


def test_the_model_is_called_once_a_step_on_the_beams_of_all_groups() -> None:
    language, calls = Language(0, 6), []

    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        calls.append(tuple(tokens.shape))
        return language.step(tokens, state)

    DiverseBeamSearch(6, 3, max_length=4)(step, START.expand(2, 1), None)
    assert calls == [(2, 1), (12, 2), (12, 3), (12, 4)]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_added_up_in_single(dtype: torch.dtype) -> None:
    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return torch.full((len(tokens), 2), np.log(0.5), dtype=dtype), None

    found = DiverseBeamSearch(2, 1, max_length=200)(step, START, None)[0]
    assert found[0].log_prob == pytest.approx(200 * float(torch.tensor(np.log(0.5), dtype=dtype)), rel=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", DIVERSITIES)
def test_a_gpu_finds_the_same(name: str) -> None:
    table = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)).log_softmax(dim=-1)

    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return table.to(tokens.device)[
            (tokens * torch.arange(1, tokens.shape[1] + 1).to(tokens)).sum(1) % 40
        ], None

    search = DiverseBeamSearch(6, 3, 0.5, 6, 3, DIVERSITIES[name][0])
    on_cpu, on_gpu = (search(step, START.to(device), None)[0] for device in ("cpu", "cuda"))
    assert [beam.tokens for beam in on_gpu] == [beam.tokens for beam in on_cpu]
