"""Claim: with ``rank_by="score"`` sequences and scores equal those of transformers 4.56.2's group beam search.

    python benchmarks/with_transformers.py benchmarks/diverse_beam_search_exactness.py [--write FILE]

Small random GPT-2 and T5 models of several seeds, Hamming diversity, two inputs at a time. The end token is
one that the model often generates, so that beams end at all lengths; finished groups repeat the end token or, in
half of the searches, another token as padding. Scores may differ by 1e-4. ``--write`` keeps two of the GPT-2
models with the results of transformers, for the tests (tests/fixtures/transformers_group_beam_search.json). Exits
with 1 if anything differs.
"""

import argparse
import itertools
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from gpt2 import Found, ours, random_gpt2, theirs
from t5 import START as T5_START
from t5 import random_t5, t5_ours, t5_theirs
from transformers import GPT2LMHeadModel

from counting.search.diverse_beam_search import DiverseBeamSearch

SEEDS = range(5)
SPREADS = (0.3, 0.6)
SHAPES = ((2, 2), (4, 2), (6, 2), (6, 3), (6, 6), (8, 4), (12, 3), (20, 20))
STRENGTHS = (0.2, 0.8)
LENGTH_PENALTIES = (0.0, 1.0, 2.0)
START = [[1, 2], [5, 7]]
T5_SOURCE = [[4, 6, 7, 1], [9, 8, 2, 1]]
KEPT = ((2, 2), (6, 3), (6, 6), (8, 4))
Case = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="where to keep models and results for the tests")
    write = parser.parse_args().write
    models = {(seed, spread): _model(seed, spread) for seed in SEEDS for spread in SPREADS}
    cases, different, beams, ended = [], 0, 0, 0
    for key, model in models.items():
        for search in _searches(model):
            found, expected = (find(model, search, torch.tensor(START)) for find in (ours, theirs))
            different += not _agree(found, expected)
            beams += sum(map(len, expected))
            ended += sum(tokens[-1] == search.end for item in expected for tokens, _ in item)
            cases.append(_case(key, search, expected))
    print(f"GPT-2: {len(cases)} searches of {len(START)} prompts, {beams} beams, {ended} of them finished")
    print(f"GPT-2: {different} searches differ")
    different += _t5_differences()
    if write:
        _write(write, models, cases)
    sys.exit(different > 0)


def _t5_differences() -> int:
    """Number of searches on T5 models that differ."""
    searches = different = ended = 0
    source = torch.tensor(T5_SOURCE)
    for seed in SEEDS:
        model = random_t5(seed)
        for (beams, groups), strength in itertools.product(SHAPES[:6], STRENGTHS):
            endless = t5_ours(model, DiverseBeamSearch(beams, groups, strength, max_length=10), source)
            for end, pad in itertools.product(_commonest(endless), (T5_START, None)):
                search = DiverseBeamSearch(beams, groups, strength, 10, end, rank_by="score", pad=pad)
                expected = t5_theirs(model, search, source)
                different += not _agree(t5_ours(model, search, source), expected)
                ended += sum(tokens[-1] == end for item in expected for tokens, _ in item)
                searches += 1
    print(f"T5: {searches} searches, {ended} beams finished, {different} searches differ")
    return different


def _model(seed: int, spread: float) -> GPT2LMHeadModel:
    """Weights of three decimals, to be written down exactly."""
    model = random_gpt2(seed, spread, vocab_size=12, n_positions=16, n_embd=8, n_layer=1, n_head=2)
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(weights.round(decimals=3))
    return model


def _searches(model: GPT2LMHeadModel) -> list[DiverseBeamSearch]:
    """Searches with the end token as padding, and with another token that the model often generates."""
    return [
        DiverseBeamSearch(
            beams, groups, strength, max_length=10, end=end, length_penalty=penalty, rank_by="score", pad=pad
        )
        for (beams, groups), strength, penalty in itertools.product(SHAPES, STRENGTHS, LENGTH_PENALTIES)
        for end, pad in _ends_and_pads(model, DiverseBeamSearch(beams, groups, strength, max_length=10))
    ]


def _ends_and_pads(model: GPT2LMHeadModel, search: DiverseBeamSearch) -> list[tuple[int, int | None]]:
    common = _common_tokens(model, search)
    return [(end, pad) for end in common for pad in (None, *(token for token in common if token != end))]


def _common_tokens(model: GPT2LMHeadModel, search: DiverseBeamSearch) -> list[int]:
    """The two commonest tokens of the model's beams without an end token."""
    return _commonest(ours(model, search, torch.tensor(START)))


def _commonest(found: list[list[Found]]) -> list[int]:
    counts = Counter(token for item in found for tokens, _ in item for token in tokens)
    return [token for token, _ in counts.most_common(2)]


def _agree(found: list[list[Found]], expected: list[list[Found]]) -> bool:
    pairs = [pair for mine, others in zip(found, expected, strict=True) for pair in zip(mine, others, strict=True)]
    return all(a == b and abs(x - y) < 1e-4 for (a, x), (b, y) in pairs)


def _case(model: tuple[int, float], search: DiverseBeamSearch, found: list[list[Found]]) -> Case:
    names = ("beams", "groups", "strength", "max_length", "end", "length_penalty", "pad")
    settings = {name: getattr(search, name) for name in names}
    return {"model": f"{model[0]}/{model[1]}", "search": settings, "start": START, "found": found}


def _write(file: Path, models: dict[tuple[int, float], GPT2LMHeadModel], cases: list[Case]) -> None:
    """Two models and some searches of each."""
    weights = {}
    for (seed, spread), model in itertools.islice(models.items(), 2):
        named = model.transformer.named_parameters()
        values = {name: _decimals(parameter.tolist()) for name, parameter in named}
        weights[f"{seed}/{spread}"] = values
    kept = [case for case in cases if case["model"] in weights and _is_kept(case["search"])]
    for case in kept:
        case["found"] = [[[tokens, round(score, 6)] for tokens, score in item] for item in case["found"]]
    lines = ",\n".join(json.dumps(case) for case in kept)
    file.write_text(f'{{"heads": 2,\n"models": {json.dumps(weights)},\n"cases": [\n{lines}\n]}}\n')


def _is_kept(search: dict[str, Any]) -> bool:
    shape = (search["beams"], search["groups"])
    return shape in KEPT and (search["pad"] is None or search["length_penalty"] == 1)


def _decimals(values: Any) -> Any:
    return [_decimals(value) for value in values] if isinstance(values, list) else round(values, 3)


if __name__ == "__main__":
    main()
