"""Diverse Beam Search against plain searches, brute force and transformers, and what becomes of ended beams."""

import itertools
import json
from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_gpt2 import TinyGPT2
from tiny_language import (
    Delta,
    Found,
    Language,
    cumulative,
    hamming,
    naive_beam_search,
    naive_diverse_beam_search,
    neural_embedding,
    ngram,
)
from torch import Tensor

from counting.search.beams import Beam
from counting.search.diverse_beam_search import DiverseBeamSearch
from counting.search.diversity import Cumulative, Diversity, Hamming, NeuralEmbedding, NGram
from counting.search.sampling import sample
from counting.search.step import select_rows
from counting_datasets.errors import CountingError

START = torch.zeros(1, 1, dtype=torch.long)
VECTORS = np.random.default_rng(1).normal(size=(6, 3))
DIVERSITIES: dict[str, tuple[Diversity, Delta]] = {
    "hamming": (Hamming(), hamming),
    "cumulative": (Cumulative(2.0), cumulative(2.0)),
    "1-gram": (NGram(1), ngram(1)),
    "2-gram": (NGram(2), ngram(2)),
    "3-gram": (NGram(3), ngram(3)),
    "neural embedding": (NeuralEmbedding(torch.from_numpy(VECTORS)), neural_embedding(VECTORS)),
}
FIXTURES = json.loads((Path(__file__).parent / "fixtures/transformers_group_beam_search.json").read_text())


def with_end(beam: Beam, end: int | None) -> tuple[int, ...]:
    return (*beam.tokens, end) if beam.finished and end is not None else beam.tokens


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


def test_state_follows_its_beams() -> None:
    """A language that remembers only through its state, against the same one read off the tokens."""
    table = torch.randn(97, 6, generator=torch.Generator().manual_seed(0)).log_softmax(dim=-1)

    def remember(tokens: Tensor, state: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
        number = (state["numbers"][0] * 31 + tokens[:, -1] + 1) % 97
        return table[number], {"numbers": (number, [number.double()]), "nothing": None}

    def read(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        number = torch.zeros(len(tokens), dtype=torch.long)
        for column in tokens.T:
            number = (number * 31 + column + 1) % 97
        return table[number], None

    search = DiverseBeamSearch(8, 4, 0.5, max_length=7, end=0)
    starts = torch.tensor([[1], [2]])
    state = {"numbers": (torch.zeros(2, dtype=torch.long), [torch.zeros(2)]), "nothing": None}
    assert search(remember, starts, state) == search(read, starts, None)


class Memory(NamedTuple):
    numbers: Tensor
    more: dict[str, Tensor] | None = None


class Output(OrderedDict[str, Any]):
    """As transformers' ModelOutput: a dict whose values are attributes too."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        setattr(self, key, value)


def output(**values: Any) -> Output:
    made = Output()
    for key, value in values.items():
        made[key] = value
    return made


@pytest.mark.parametrize(
    "state",
    [
        Memory(torch.arange(3)),
        Memory(torch.arange(3), {"a": torch.arange(3)}),
        output(numbers=torch.arange(3), more=None),
        UserDict(numbers=torch.arange(3)),
        defaultdict(list, numbers=torch.arange(3)),
        [torch.arange(3)],
    ],
    ids=lambda state: type(state).__name__,
)
def test_containers_of_a_state_keep_their_type(state: Any) -> None:
    selected = select_rows(state, torch.tensor([2, 0, 0]))
    assert type(selected) is type(state)
    values = selected.values() if isinstance(selected, Mapping) else selected
    assert next(iter(values)).tolist() == [2, 0, 0]
    if isinstance(state, Output):
        assert selected.numbers.tolist() == [2, 0, 0]
        assert state["numbers"].tolist() == [0, 1, 2]


def test_a_named_tuple_is_the_state_of_a_search() -> None:
    language = Language(3, 6)

    def step(tokens: Tensor, state: Memory) -> tuple[Tensor, Memory]:
        assert isinstance(state, Memory)
        return language.step(tokens, None)[0], Memory(state.numbers + 1)

    search = DiverseBeamSearch(4, 2, max_length=4)
    assert search(step, START, Memory(torch.zeros(1))) == search(language.step, START, None)


@pytest.mark.parametrize("state", [torch.tensor(1.0), torch.zeros(0, 3)])
def test_a_state_without_a_row_for_each_beam_is_refused(state: Tensor) -> None:
    with pytest.raises(CountingError, match=r"state: the first dimension of a \(.*\) tensor is not the beams'"):
        select_rows(state, torch.tensor([0, 1]))


def test_a_state_of_another_kind_needs_a_function_that_selects_rows() -> None:
    def step(tokens: Tensor, state: str) -> tuple[Tensor, str]:
        return torch.zeros(len(tokens), 4).log_softmax(dim=-1), state

    search = DiverseBeamSearch(2, 2, max_length=3)
    with pytest.raises(CountingError, match="state: cannot select rows of a str"):
        search(step, START, "state")
    assert len(search(step, START, "state", lambda state, rows: state)[0]) == 2


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


# Ends of beams

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


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beams": 10, "groups": 4}, "beams: 10 cannot be divided into 4 equal groups"),
        ({"beams": 4, "groups": 6}, "groups: 4 beams cannot be divided into 6 groups"),
        ({"beams": 0, "groups": 1}, "beams: must be at least 1"),
        ({"beams": 1, "groups": 0}, "groups: must be at least 1"),
        ({"beams": 1, "groups": 1, "max_length": 0}, "max_length: must be at least 1"),
        ({"beams": 2, "groups": 2, "strength": -0.1}, "strength: must be 0 or more, is -0.1"),
        ({"beams": 2, "groups": 2, "strength": [0.1, float("nan")]}, "strength: must be 0 or more"),
        (
            {"beams": 2, "groups": 2, "strength": 1e308},
            r"strength: must be at most 1,000,000, is 1e\+308",
        ),
        (
            {"beams": 2, "groups": 2, "strength": float("inf")},
            "strength: must be at most 1,000,000, is inf",
        ),
        ({"beams": 2, "groups": 2, "strength": [0.1]}, "strength: 1 values for 2 groups"),
        ({"beams": 1, "groups": 1, "length_penalty": float("inf")}, "length_penalty: must be finite"),
        ({"beams": 1, "groups": 1, "length_penalty": 1e308}, "length_penalty: must be finite, from -10 to 10"),
        ({"beams": 2, "groups": 2, "end": 1, "pad": 0}, 'pad: requires rank_by="score"'),
        ({"beams": 2, "groups": 2, "rank_by": "score", "pad": 0}, "pad: requires .* an end token"),
        ({"beams": 1, "groups": 1, "rank_by": "length"}, "rank_by: must be log_prob or score"),
    ],
)
def test_settings_that_make_no_search_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(CountingError, match=message):
        DiverseBeamSearch(**arguments)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.tensor([[-1.0, float("nan")]]), "step: returned NaN"),
        (torch.tensor([[-1.0, float("inf")]]), r"step: returned NaN or \+∞"),
        (torch.zeros(1, 0), "step: the vocabulary is empty"),
        (torch.zeros(3, 4), r"step: must return log-probabilities of shape 1×V, not \(3, 4\)"),
        (torch.zeros(4), r"step: must return .* not \(4,\)"),
        ([[0.0]], "step: must return .* not list"),
        (torch.zeros(1, 1), "end: token 1 is not in a vocabulary of 1"),
        (
            torch.tensor([[0.25, 0.75]]),
            "step: returned the log-probability 0.75, which is above 0; return logits.log_softmax",
        ),
        (torch.tensor([[2.5, -1.0]]), "step: returned the log-probability 2.5, which is above 0"),
        (torch.full((1, 4000), 1 / 4000), "step: returned the log-probability 0.00025"),
    ],
)
def test_a_step_function_that_goes_wrong_is_named(returned: Any, message: str) -> None:
    with pytest.raises(CountingError, match=message):
        DiverseBeamSearch(2, 1, max_length=2, end=1)(lambda tokens, state: (returned, state), START, None)


@pytest.mark.parametrize(
    ("returned", "what"),
    [
        (torch.zeros(2, 4).log_softmax(-1), "not a Tensor"),
        ((torch.zeros(1, 4).log_softmax(-1),), "not a tuple of 1"),
        (None, "not a NoneType"),
    ],
)
def test_a_step_without_a_state_is_told_to_return_one(returned: Any, what: str) -> None:
    with pytest.raises(CountingError, match=r"step: must return log-probabilities and the state .*" + what):
        DiverseBeamSearch(2, 1, max_length=2)(lambda tokens, state: returned, torch.zeros(2, 1).long(), None)


def test_the_padding_must_be_a_token() -> None:
    search = DiverseBeamSearch(2, 2, max_length=2, end=1, rank_by="score", pad=9)
    with pytest.raises(CountingError, match="pad: token 9 is not in a vocabulary of 6"):
        search(Language(0, 6).step, START, None)


def test_log_probabilities_may_exceed_0_by_a_rounding_error() -> None:
    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return torch.tensor([[1e-4, -9.0]]).expand(len(tokens), 2), None

    assert DiverseBeamSearch(1, 1, max_length=2)(step, START, None)[0][0].tokens == (0, 0)


def test_starts_must_be_rows_of_tokens() -> None:
    search = DiverseBeamSearch(2, 1)
    for start in (torch.zeros(2, dtype=torch.long), torch.zeros(1, 1)):
        with pytest.raises(CountingError, match="start: must be N×s tokens"):
            search(Language(0, 3).step, start, None)


def test_diversities_refuse_what_has_no_meaning() -> None:
    with pytest.raises(CountingError, match="temperature: 0 is not positive"):
        Cumulative(0)
    with pytest.raises(CountingError, match="n: must be at least 1, is 0"):
        NGram(0)
    with pytest.raises(CountingError, match="vectors: must be V×D"):
        NeuralEmbedding(torch.zeros(4))
    search = DiverseBeamSearch(2, 2, diversity=NeuralEmbedding(torch.ones(4, 2)))
    with pytest.raises(CountingError, match="vectors: 4 vectors for 6 tokens"):
        search(Language(0, 6).step, START, None)


def test_a_tiny_temperature_makes_no_nan() -> None:
    """exp(−m / Γ) vanishes; an overflow on the way would make it NaN."""
    beams, earlier = torch.zeros(1, 1, 1, dtype=torch.long), torch.zeros(1, 2, 3, 2, dtype=torch.long)
    found = Cumulative(1e-3)(beams, earlier, 4)
    assert found.tolist() == [[[-2.0, 0.0, 0.0, 0.0]]]


def test_sampling_refuses_probabilities_too() -> None:
    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return torch.full((len(tokens), 4), 0.25), None

    with pytest.raises(CountingError, match=r"step: returned the log-probability 0\.25"):
        sample(step, START, None, 2, 3, 0, torch.Generator())
