"""What Diverse Beam Search, its diversities and sampling refuse."""

from typing import Any

import pytest
import torch
from tiny_language import START, Language
from torch import Tensor

from counting.search.diverse_beam_search import DiverseBeamSearch
from counting.search.diversity import Cumulative, NeuralEmbedding, NGram
from counting.search.sampling import sample
from counting_datasets.errors import CountingError


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
