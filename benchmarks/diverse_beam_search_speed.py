"""Claim: 20 beams in 20 groups take at most 1.25 × the time of 20 without groups, and less than transformers.

    python benchmarks/with_transformers.py benchmarks/diverse_beam_search_speed.py [--runs N]

The models are random GPT-2s, of the size of distilgpt2 and of a small question generator. All searches run the
same steps of one model with a cache of keys and values; both projects call it once per step, on the beams of all
groups in a batch. They alternate, and each time is the shortest of its runs. OMP_NUM_THREADS sets the threads.
"""

import argparse
import time
from collections.abc import Callable

import torch
from gpt2 import generate, ours, random_gpt2

from counting.search.diverse_beam_search import DiverseBeamSearch

BEAMS, LENGTH = 20, 20
MODELS = {
    "82 M parameters, 50,257 tokens": {"vocab_size": 50_257, "n_embd": 768, "n_layer": 6, "n_head": 12},
    "2.6 M parameters, 4,000 tokens": {"vocab_size": 4_000, "n_embd": 256, "n_layer": 2, "n_head": 4},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    start = torch.tensor([[1]])
    plain = DiverseBeamSearch(BEAMS, 1, max_length=LENGTH, end=0)
    diverse = DiverseBeamSearch(BEAMS, BEAMS, max_length=LENGTH, end=0)
    as_theirs = DiverseBeamSearch(BEAMS, BEAMS, max_length=LENGTH, end=0, rank_by="score")
    for name, sizes in MODELS.items():
        model = random_gpt2(0, 0.02, n_positions=64, **sizes)
        seconds = shortest(
            runs,
            {
                "beam search": lambda model=model: ours(model, plain, start),
                "diverse beam search": lambda model=model: ours(model, diverse, start),
                "the same, rank_by score": lambda model=model: ours(model, as_theirs, start),
                "transformers, diverse": lambda model=model: generate(model, as_theirs, start),
            },
        )
        print(f"{name}, {BEAMS} beams, {LENGTH} steps, {torch.get_num_threads()} threads, best of {runs}")
        for what, best in seconds.items():
            print(f"  {what:26}{best:7.3f} s   {best / seconds['beam search']:.3f} × beam search", flush=True)


def shortest(runs: int, work: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of the fastest run of each, alternating, after a warm-up run."""
    best = dict.fromkeys(work, float("inf"))
    for run in range(runs + 1):
        for what, do in work.items():
            begin = time.perf_counter()
            do()
            if run:
                best[what] = min(best[what], time.perf_counter() - begin)
    return best


if __name__ == "__main__":
    main()
