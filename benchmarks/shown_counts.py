"""Accuracy of the counts shown to people, by the threshold for showing and the rule of the best guess.

    python benchmarks/shown_counts.py voc2007-seq-sub --split val       # to choose: trained on train alone
    python benchmarks/shown_counts.py voc2007-loc-sub-final --every 24  # to check the default counter, on test

"before" shows every count that rounds to 1 or more. Precision is the share of shown things that are there, recall
the share of things there that are shown; exact and within one are shares of what is shown. Difficult objects
count too.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from counting.networks.inference import count_scenes
from counting.networks.zoo import find_counter
from counting.stats.best_guess import THRESHOLDS, fit_shown_from, is_shown
from counting.stats.metrics import round_half_up
from counting_datasets.catalog import load
from counting_datasets.protocol import Protocol

Counts = NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counter", help="a calibrated counter: a zoo name, run folder or .safetensors file")
    parser.add_argument("--split", default="test")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth photo")
    arguments = parser.parse_args()
    checkpoint = find_counter(arguments.counter)
    if checkpoint.calibration is None:
        parser.error(f"{arguments.counter} is not calibrated")
    scenes = load("voc2007", arguments.split)[:: arguments.every]
    table, lost = count_scenes(checkpoint, scenes)
    true = np.stack([scene.counts(Protocol()) for scene in scenes if scene.id not in lost])
    distribution = checkpoint.calibration.distribution(table.counts).astype(np.float64)
    probability = 1 - distribution[..., 0]
    print(f"{arguments.counter}, voc2007 {arguments.split}, {len(true)} photos, {(true > 0).sum()} things there")
    print(f"{'rule':28}  shown  precision  recall     F1  exact  within one  mean error")
    rounded = round_half_up(table.counts).astype(np.int64)
    print(_row("before", rounded, rounded > 0, true))
    for name, counts in _rules(table.counts, distribution):
        threshold = checkpoint.calibration.shown_from
        print(_row(f"{name}, p ≥ {threshold:.2f}", counts, is_shown(counts, probability, threshold), true))
    for threshold in THRESHOLDS:
        print(_row(f"raw count, p ≥ {threshold:.2f}", rounded, is_shown(rounded, probability, threshold), true))
    print(f"greatest F1 at p ≥ {fit_shown_from(table.counts, probability, true):.2f}")
    _by_doubt(rounded, distribution, true, checkpoint.calibration.shown_from)


def _rules(raw: NDArray[np.float64], distribution: NDArray[np.float64]) -> Iterator[tuple[str, Counts]]:
    """Best guesses by the rounded raw count and by what the distribution says, K columns."""
    largest = distribution.shape[-1]
    yield "raw count", round_half_up(raw).astype(np.int64)
    yield "median", (distribution.cumsum(axis=-1) >= 0.5).argmax(axis=-1)
    yield "mode", distribution.argmax(axis=-1)
    yield "mean", round_half_up(distribution @ np.arange(largest)).astype(np.int64)
    present = distribution[..., 1:] / distribution[..., 1:].sum(axis=-1, keepdims=True)
    yield "median if any", 1 + (present.cumsum(axis=-1) >= 0.5).argmax(axis=-1)


def _row(name: str, counts: Counts, shown: NDArray[np.bool_], true: Counts) -> str:
    there, error = true > 0, np.abs(counts - true)
    precision, recall = (shown & there).sum() / shown.sum(), (shown & there).sum() / there.sum()
    f1 = 2 * precision * recall / (precision + recall)
    exact, close = (error[shown] == 0).mean(), (error[shown] <= 1).mean()
    mean_error = np.abs(np.where(shown, counts, 0) - true).mean()
    figures = f"{shown.sum():5}  {precision:9.3f}  {recall:6.3f}  {f1:5.3f}  {exact:5.3f}  {close:10.3f}"
    return f"{name:28}  {figures}  {mean_error:10.4f}"


def _by_doubt(counts: Counts, distribution: NDArray[np.float64], true: Counts, shown_from: float) -> None:
    """How often shown things are there, and exactly counted, by their probability and their best guess's."""
    probability = 1 - distribution[..., 0]
    clipped = counts.clip(max=distribution.shape[-1] - 1)[..., None]
    likelihood = np.take_along_axis(distribution, clipped, axis=-1)[..., 0]
    shown = is_shown(counts, probability, shown_from)
    for name, values in (
        ("probability of at least one", probability),
        ("probability of the best guess", likelihood),
    ):
        print(f"by {name}:")
        for low in np.arange(0, 1, 0.1):
            chosen = shown & (values >= low) & (values < low + 0.1 + (low > 0.85))
            if chosen.any():
                there, exact = (true[chosen] > 0).mean(), (counts == true)[chosen].mean()
                print(f"  from {low:.1f}: {chosen.sum():5} shown, there {there:.3f}, exact {exact:.3f}")


if __name__ == "__main__":
    main()
