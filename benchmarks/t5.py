"""Random T5 models, and group beam search on them: this project's and that of transformers."""

import torch
from gpt2 import Found, as_found, settings_of, until_end
from torch import Tensor
from transformers import T5Config, T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from counting.search.diverse_beam_search import DiverseBeamSearch

START = 0
"""Token that T5's decoder begins with; also its padding."""


def random_t5(seed: int) -> T5ForConditionalGeneration:
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=12,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        initializer_factor=2.0,
        pad_token_id=START,
        decoder_start_token_id=START,
    )
    return T5ForConditionalGeneration(config).eval()


def t5_ours(model: T5ForConditionalGeneration, search: DiverseBeamSearch, source: Tensor) -> list[list[Found]]:
    """The beams of each source, best first."""

    def step(tokens: Tensor, seen: BaseModelOutput) -> tuple[Tensor, BaseModelOutput]:
        answer = model(encoder_outputs=seen, decoder_input_ids=tokens)
        return answer.logits[:, -1].float().log_softmax(dim=-1), seen

    with torch.no_grad():
        seen = model.get_encoder()(source)
        return [as_found(beams, search) for beams in search(step, torch.full((len(source), 1), START), seen)]


@torch.no_grad()
def t5_theirs(model: T5ForConditionalGeneration, search: DiverseBeamSearch, source: Tensor) -> list[list[Found]]:
    """The same from transformers, with the settings of ``search``."""
    answer = model.generate(
        source,
        attention_mask=torch.ones_like(source),
        return_dict_in_generate=True,
        output_scores=True,
        **settings_of(search),
    )
    rows = [until_end(row, search.end) for row in answer.sequences[:, 1:].tolist()]
    pairs = list(zip(rows, answer.sequences_scores.tolist(), strict=True))
    return [pairs[first : first + search.beams] for first in range(0, len(pairs), search.beams)]
