"""Random GPT-2 models, and group beam search on them: this project's and that of transformers."""

import warnings
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

from counting.search.beams import Beam
from counting.search.diverse_beam_search import DiverseBeamSearch

warnings.filterwarnings("ignore")
logging.set_verbosity_error()

Found = tuple[list[int], float]
"""A beam's tokens, the end token included, and its score over length^length_penalty."""


def random_gpt2(seed: int, spread: float, **sizes: int) -> GPT2LMHeadModel:
    """``spread``: standard deviation of the weights; a larger one makes the model more certain."""
    torch.manual_seed(seed)
    return GPT2LMHeadModel(GPT2Config(initializer_range=spread, bos_token_id=0, eos_token_id=0, **sizes)).eval()


class Step:
    """A GPT-2 as a step function; the state is its cache of keys and values."""

    def __init__(self, model: GPT2LMHeadModel) -> None:
        self.model = model

    def __call__(self, tokens: Tensor, cache: DynamicCache) -> tuple[Tensor, DynamicCache]:
        new = tokens[:, cache.get_seq_length() :]
        answer = self.model(new, past_key_values=cache, use_cache=True)
        return answer.logits[:, -1].float().log_softmax(dim=-1), answer.past_key_values


def reorder(cache: DynamicCache, rows: Tensor) -> DynamicCache:
    cache.reorder_cache(rows)
    return cache


def ours(model: GPT2LMHeadModel, search: DiverseBeamSearch, start: Tensor) -> list[list[Found]]:
    """The beams of each item, best first."""
    return [as_found(beams, search) for beams in search(Step(model), start, DynamicCache(), reorder)]


def as_found(beams: list[Beam], search: DiverseBeamSearch) -> list[Found]:
    """Beams in the form of transformers' results."""
    return [
        (list(beam.tokens) + [search.end] * beam.finished, beam.score / beam.length**search.length_penalty)
        for beam in beams
    ]


def theirs(model: GPT2LMHeadModel, search: DiverseBeamSearch, start: Tensor) -> list[list[Found]]:
    """The same from transformers, with the settings of ``search``."""
    answer = generate(model, search, start, return_dict_in_generate=True, output_scores=True)
    sequences = [until_end(row, search.end) for row in answer.sequences[:, start.shape[1] :].tolist()]
    pairs = list(zip(sequences, answer.sequences_scores.tolist(), strict=True))
    return [pairs[first : first + search.beams] for first in range(0, len(pairs), search.beams)]


@torch.no_grad()
def generate(model: GPT2LMHeadModel, search: DiverseBeamSearch, start: Tensor, **options: bool) -> Any:
    """What transformers returns."""
    return model.generate(start, attention_mask=torch.ones_like(start), **settings_of(search), **options)


def settings_of(search: DiverseBeamSearch) -> dict[str, Any]:
    """The arguments of ``generate``; the end token is the padding too, unless the search names another."""
    return {
        "num_beams": search.beams,
        "num_beam_groups": search.groups,
        "num_return_sequences": search.beams,
        "diversity_penalty": search.strength,
        "length_penalty": search.length_penalty,
        "max_new_tokens": search.max_length,
        "eos_token_id": search.end,
        "pad_token_id": search.end if search.pad is None else search.pad,
        "do_sample": False,
        "trust_remote_code": False,
    }


def until_end(tokens: list[int], end: int | None) -> list[int]:
    """The tokens up to and including the end token."""
    return tokens[: tokens.index(end) + 1] if end in tokens else tokens
