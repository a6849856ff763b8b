"""Claim: a pool counter takes at most 1.15 × the time of its backbone on the same input; for comparison, crop.

Times one photo at a time on the CPU: the backbone alone, aso-sub with pooled cells, and with cropped cells of the
same total size. Times are medians over alternating rounds, so that drift of the machine affects all alike.

    python benchmarks/pool_overhead.py
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from counting.networks.checkpoint import build
from counting.networks.config import parse_config
from counting_datasets.categories import VOC_CATEGORIES

ROUNDS, SIDE = 15, 576


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.manual_seed(0)
    photo = torch.randn(1, 3, SIDE, SIDE)
    counters = {mode: _counter(mode).eval() for mode in ("pool", "crop")}
    subjects: dict[str, Callable[[Tensor], object]] = {"backbone": counters["pool"].cells.backbone, **counters}
    times: dict[str, list[float]] = {name: [] for name in subjects}
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            for name, subject in subjects.items():
                start = time.perf_counter()
                subject(photo)
                times[name].append(time.perf_counter() - start)
    median = {name: statistics.median(taken[1:]) for name, taken in times.items()}
    for name, taken in median.items():
        ratio = taken / median["backbone"]
        print(f"{name:9} {1000 * taken:7.1f} ms a photo of {SIDE} px, {ratio:.3f} × the backbone")
    print(f"crop / pool: {median['crop'] / median['pool']:.2f}")
    print(f"medians of {ROUNDS}, {torch.get_num_threads()} threads")


def _counter(mode: str) -> torch.nn.Module:
    config = {"counter": "aso_sub", "cells": {"mode": mode, "side": SIDE}, "head": {"hidden": [500]}}
    return build(parse_config(config, "benchmark"), VOC_CATEGORIES)


if __name__ == "__main__":
    main()
