"""The state of a step function: its rows follow their beams, in whatever containers it comes."""

from collections import OrderedDict, UserDict, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import torch
from tiny_language import START, Language
from torch import Tensor

from counting.search.diverse_beam_search import DiverseBeamSearch
from counting.search.step import select_rows
from counting_datasets.errors import CountingError


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
