"""Counts over time against counts of single frames, on sequences whose true counts are known.

    python benchmarks/over_time.py --sequences 6    # on VOC 2007 test
    python benchmarks/over_time.py --data voc2012 --split train --sequences 3 --every 0.5 --choose  # the constants

The sequences are made from real photos (``moving_scenes.py``): a camera that turns over photos side by side, and
objects cut out of COCO photos that pass in front of a photo. RMSE and coverage are means over the categories and
pairs; differences are paired, their intervals from a bootstrap over sequences.
"""

import argparse
import os
from itertools import product
from pathlib import Path

import numpy as np
from moving_scenes import KINDS, cut_outs, sequences
from numpy.typing import NDArray

import counting
from counting.evaluation.distribution_scores import DistributionScores, distribution_scores
from counting.predictor.over_time import calibrated
from counting.stats.bootstrap import paired
from counting.stats.count_chain import MEMORY, STAY, CountChain, prior_of
from counting_datasets.catalog import load
from counting_datasets.categories import match_categories

SECONDS = 60.0
"""Length of a sequence."""

STAYS = (0.5, 1.0, 2.0, 4.0)
MEMORIES = (0.6, 1.0, 1.5)

Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counter", help="a calibrated counter (default: the default counter)")
    parser.add_argument("--data", default="voc2007", help="photos to make sequences of (default: voc2007)")
    parser.add_argument("--split", default="test")
    parser.add_argument("--sequences", type=int, default=6, help="number of sequences of each kind")
    parser.add_argument("--every", type=float, default=1.0, help="seconds from frame to frame")
    parser.add_argument("--choose", action="store_true", help="score a grid of the chain's two constants")
    arguments = parser.parse_args()
    counter = counting.load(arguments.counter)
    print(f"{counter.name}, {arguments.data} {arguments.split}, a frame every {arguments.every:g} s")
    for kind in KINDS:
        frames, true, seconds = _counted(kind, counter, arguments)
        print(f"\n{kind}: {frames.shape[0]} sequences of {frames.shape[1]} frames", flush=True)
        print(_row("single frames", frames, true))
        grid = product(STAYS, MEMORIES) if arguments.choose else [(STAY, MEMORY)]
        for stay, memory in grid:
            smoothed = _smoothed(frames, seconds, stay, memory)
            print(_row(f"stay {stay:g} s, memory {memory:g} s", smoothed, true), flush=True)
            if not arguments.choose:
                _compare(smoothed, frames, true)


def _counted(
    kind: str, counter: counting.Predictor, arguments: argparse.Namespace
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """S×T×K×(L + 1) distributions, S×T×K true counts, and T times; of the categories that both know."""
    scenes = load(arguments.data, arguments.split)
    coco = Path(os.environ["COUNTING_DATA"]) / "coco"
    annotations = coco / "annotations" / "instances_train2017_subset.json"
    cut = cut_outs(annotations, coco / "images" / "train2017", scenes.categories)
    seconds = np.arange(0, SECONDS, arguments.every)
    frames, true = [], []
    for made in sequences(kind, scenes, cut, arguments.sequences, seconds):
        photos = (made.frame(number) for number in range(len(seconds)))
        frames.append([calibrated(result) for result in counter.stream(photos, workers=1)])
        true.append(made.counts)
    match = match_categories(counter.categories, scenes.categories)
    columns, labels = list(match), list(match.values())
    return np.array(frames, dtype=np.float64)[..., columns, :], np.array(true)[..., labels], seconds


def _smoothed(frames: Floats, seconds: Floats, stay: float, memory: float) -> Floats:
    return np.stack([CountChain(prior_of(one.mean(axis=0)), stay, memory).smooth(one, seconds) for one in frames])


def _row(name: str, frames: Floats, true: NDArray[np.int64]) -> str:
    scores = _scores(frames, true)
    median, mean = (_rmse(counts, true).mean() for counts in (_median(frames), _mean(frames)))
    coverage = scores.coverage[0]
    return (
        f"  {name:24} RMSE {median:.3f} (expected count {mean:.3f})  log score {scores.log_score:.3f}  "
        f"RPS {scores.ranked_probability_score:.4f}  coverage of 80 % {coverage.randomized:.3f}, "
        f"of true counts above 0 {coverage.occurring:.3f}, width {coverage.width:.2f}"
    )


def _scores(frames: Floats, true: NDArray[np.int64]) -> DistributionScores:
    pairs = frames.reshape(-1, *frames.shape[2:]).astype(np.float32)
    return distribution_scores(pairs, true.reshape(-1, true.shape[-1]).astype(np.float64))


def _compare(smoothed: Floats, frames: Floats, true: NDArray[np.int64]) -> None:
    """Print the differences in RMSE, smoothed minus single frames, with 95 % intervals over sequences."""
    for name, guess in (("best guess", _median), ("expected count", _mean)):
        terms = tuple(((guess(one) - true) ** 2).mean(axis=1) for one in (smoothed, frames))
        (found,) = paired((terms[0], terms[1]), lambda sums: _root_mean(sums, len(true)))
        ends = f"{found.interval.low:+.3f} to {found.interval.high:+.3f}"
        print(f"  RMSE of the {name}, smoothed − single frames: {found.difference:+.3f} (95 %: {ends})")


def _root_mean(sums: Floats, sequences: int) -> Floats:
    """R×1 mean over categories of the RMSE, from R×K sums over sequences of mean squared errors."""
    return np.asarray(np.sqrt(sums / sequences).mean(axis=1, keepdims=True))


def _rmse(counts: NDArray[np.generic], true: NDArray[np.int64]) -> Floats:
    return np.asarray(np.sqrt(((counts - true) ** 2).mean(axis=(0, 1))))


def _median(frames: Floats) -> NDArray[np.int64]:
    return (frames.cumsum(axis=-1) >= 0.5).argmax(axis=-1)


def _mean(frames: Floats) -> Floats:
    return np.asarray(frames @ np.arange(frames.shape[-1]))


if __name__ == "__main__":
    main()
