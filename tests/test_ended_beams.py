"""Beams that end in Diverse Beam Search, and beams that nothing can follow."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_language import DIVERSITIES, START, with_end
from torch import Tensor

from counting.search.diverse_beam_search import DiverseBeamSearch

SHAPES = st.sampled_from([(1, 1), (2, 1), (2, 2), (4, 2), (6, 3), (6, 2), (5, 5), (12, 3)])
RULES = st.sampled_from(["log_prob", "score"])


@st.composite
def languages(draw: st.DrawFn) -> Any:
    """A step function with ties, and tokens that cannot follow; its vocabulary; its table by last token."""
    vocabulary = draw(st.integers(1, 5))
    value = st.sampled_from([-torch.inf, -torch.inf, -2.0, -1.0, -1.0, -0.5])
    row = st.lists(value, min_size=vocabulary, max_size=vocabulary)
    table = torch.tensor(draw(st.lists(row, min_size=vocabulary, max_size=vocabulary)))

    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return table[tokens[:, -1]], None

    return step, vocabulary, table


@settings(max_examples=300, deadline=None)
@given(languages(), SHAPES, RULES, st.sampled_from(["hamming", "cumulative", "2-gram"]), st.data())
def test_whatever_the_language_beams_are_sound(
    language: Any, shape: tuple[int, int], rank_by: Any, name: str, data: st.DataObject
) -> None:
    step, vocabulary, table = language
    end = data.draw(st.none() | st.integers(0, vocabulary - 1))
    search = DiverseBeamSearch(*shape, 0.5, 5, end, DIVERSITIES[name][0], rank_by=rank_by)
    found = search(step, START, None)[0]
    assert len(found) <= search.beams
    assert {beam.group for beam in found} == set(range(search.groups)), "no group is empty"
    for beam in found:
        assert end not in beam.tokens, "no finished beam is extended"
        told = with_end(beam, end)
        values = [float(table[last, token]) for last, token in itertools.pairwise((0, *told))]
        assert beam.log_prob == pytest.approx(sum(values), abs=1e-5), "no token is missing, or one that cannot be"
        assert beam.score <= beam.log_prob + 1e-5
        if not beam.finished and len(beam.tokens) < search.max_length:
            assert not any(other.finished for other in found if other.group == beam.group)
    for group in range(search.groups):
        told = [beam.tokens for beam in found if beam.group == group]
        assert len(set(told)) == len(told), "no sequence comes twice in a group"


@settings(max_examples=50, deadline=None)
@given(languages(), st.integers(1, 4), st.integers(1, 12))
def test_no_beam_is_missing_while_there_are_sequences(language: Any, length: int, beams: int) -> None:
    _, vocabulary, table = language
    table = torch.where(table > -torch.inf, table, -9.0)

    def possible(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return table[tokens[:, -1]], None

    found = DiverseBeamSearch(beams, 1, max_length=length)(possible, START, None)[0]
    assert len(found) == min(beams, vocabulary**length)


def table_of(*rows: list[float]) -> Any:
    """A step function with a row of probabilities for each last token."""
    log_probs = torch.tensor(rows).log()

    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return log_probs[tokens[:, -1]], None

    return step


def test_a_finished_beam_holds_its_place_until_better_ones_push_it_out() -> None:
    search = DiverseBeamSearch(2, 1, max_length=3, end=2)
    held = search(table_of([0.0, 0.6, 0.4], [0.7, 0.3, 0.0], [0.0, 0.0, 1.0]), START, None)[0]
    assert [(beam.tokens, beam.finished) for beam in held] == [((), True), ((1, 0, 1), False)]
    assert held[0].log_prob == pytest.approx(np.log(0.4))
    pushed = search(table_of([0.0, 0.9, 0.1], [0.6, 0.4, 0.0], [0.0, 0.0, 1.0]), START, None)[0]
    assert [(beam.tokens, beam.finished) for beam in pushed] == [((1, 0, 1), False), ((1, 1, 0), False)]


@pytest.mark.parametrize("rank_by", ["log_prob", "score"])
def test_where_nothing_can_follow_a_group_keeps_its_beams_unfinished(rank_by: Any) -> None:
    step = table_of([0.0, 0.7, 0.3], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    found = DiverseBeamSearch(4, 2, 0.0, max_length=9, end=0, rank_by=rank_by)(step, START, None)[0]
    assert [(beam.tokens, beam.finished) for beam in found] == [((1,), False)] * 2 + [((2,), False)] * 2
    nothing = DiverseBeamSearch(2, 2, max_length=9, rank_by=rank_by)(table_of([0.0, 0.0]), START, None)[0]
    assert [(beam.tokens, beam.log_prob, beam.group) for beam in nothing] == [((), 0, 0), ((), 0, 1)]


def test_tied_tokens_are_shared_out_between_groups() -> None:
    found = DiverseBeamSearch(4, 4, 0.1, max_length=1)(table_of([0.25] * 4), START, None)[0]
    assert {beam.tokens for beam in found} == {(0,), (1,), (2,), (3,)}


def test_an_ended_group_leaves_others_free_to_end_later() -> None:
    """Hamming counts an end at its own step only."""
    step = table_of([0.0, 0.9, 0.1], [0.0, 0.4, 0.6], [0.0, 0.0, 1.0])
    found = DiverseBeamSearch(2, 2, 0.6, max_length=5, end=2)(step, START, None)[0]
    assert sorted((beam.group, with_end(beam, 2), round(beam.log_prob - beam.score, 5)) for beam in found) == [
        (0, (1, 2), 0.0),
        (1, (1, 1, 2), 0.6),
    ]
