"""Claim: the map of one category takes at most 2.5 times the counter's forward pass.

One thread, the default counter, random pixels; medians of alternating runs.

    python benchmarks/explain_time.py [--counter WHAT] [--runs 15]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from counting.explain.count_grad_cam import explain_counts
from counting.networks.zoo import BEST, find_counter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counter", default=BEST)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    counter = find_counter(arguments.counter, "cpu").counter
    images = torch.randn(1, 3, counter.cells.side, counter.cells.side)
    blocks = "cells.backbone.features.model.blocks.3"
    candidates: dict[str, Callable[[], object]] = {
        "forward pass": torch.inference_mode()(lambda: counter(images)),
        "map of one category": lambda: explain_counts(counter, images, counter.categories[:1], method="fused"),
        "maps of all categories": lambda: explain_counts(counter, images, counter.categories, method="fused"),
        f"one category, layer {blocks}": lambda: explain_counts(counter, images, ["person"], layer=blocks),
    }
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(arguments.runs):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    forward = statistics.median(seconds["forward pass"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name}: {median * 1000:.0f} ms, {median / forward:.2f} times the forward pass")


if __name__ == "__main__":
    main()
