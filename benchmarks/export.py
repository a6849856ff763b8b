"""Claim: an exported counter counts like the original, in less time; in 8-bit integers it loses little.

    python benchmarks/export.py [--counters NAME …] [--photos 1000] [--calibration 60] [--repeats 20]

Exports each counter to ONNX, in float32 and in 8-bit integers, the latter calibrated on photos of VOC 2007's
training split. Prints the files' sizes; the CPU time per photo in one thread, the smallest of ``--repeats`` runs
that take turns, from normalized pixels to cells; the largest difference of a count from PyTorch's on the first
10 photos; and the mRMSE on photos of VOC 2007's test split, evenly spaced, with the paired 95 % interval of what
8-bit integers add to it.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from counting.evaluation.scores import Evaluation, compare, evaluate
from counting.export.exportable import CELLS, INPUT, Exportable
from counting.export.onnx_file import to_onnx, write_onnx
from counting.export.quantization import quantize
from counting.networks.checkpoint import Checkpoint
from counting.networks.folding import folded
from counting.networks.zoo import BEST, find_counter
from counting.stats.metrics import as_scored
from counting.tables.count_table import CountTable
from counting.utils.memory import keep_freed_memory
from counting_datasets.catalog import load
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

COMPARED = 10
"""Number of photos that PyTorch counts too."""

RESAMPLES = 1000
"""Bootstrap resamples of the paired interval."""

Counts = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""1×3×side×side pixels → K counts."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counters", nargs="+", default=[BEST], metavar="COUNTER")
    parser.add_argument("--photos", type=int, default=1000, help="photos of the test split")
    parser.add_argument("--calibration", type=int, default=60, help="photos of the training split")
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    if "COUNTING_DATA" not in os.environ:
        parser.error("set COUNTING_DATA")
    torch.set_num_threads(1)
    keep_freed_memory()
    for name in arguments.counters:
        _measure(name, arguments)


def _measure(name: str, arguments: argparse.Namespace) -> None:
    checkpoint = find_counter(name, "cpu")
    train, test = (
        _spread(load("voc2007", split), number)
        for split, number in (("train", arguments.calibration), ("test", arguments.photos))
    )
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"]
        model = to_onnx(checkpoint, name)
        write_onnx(model, files[0])
        print(f"{name}: exported in {time.process_time() - start:.0f} s of CPU time")
        write_onnx(quantize(model, (_pixels(checkpoint, scene) for scene in train)), files[1])
        runs = {
            "torch": _in_torch(replace(checkpoint, counter=folded(checkpoint.counter))),
            "onnx": _in_onnx(files[0]),
            "onnx int8": _in_onnx(files[1]),
        }
        sizes = {"onnx": files[0].stat().st_size, "onnx int8": files[1].stat().st_size}
        milliseconds = _time(runs, _pixels(checkpoint, test[0]), arguments.repeats)
        print(f"  torch {milliseconds.pop('torch'):.1f} ms a photo", flush=True)
        torch_counts = np.stack([runs["torch"](_pixels(checkpoint, scene)) for scene in test.scenes[:COMPARED]])
        counts = {run: np.zeros((len(test), len(checkpoint.counter.categories))) for run in sizes}
        for row, scene in enumerate(test):
            pixels = _pixels(checkpoint, scene)
            for run, found in counts.items():
                found[row] = runs[run](pixels)
    truth = CountTable.from_scenes(test, Protocol())
    scores = {run: _scores(run, found, checkpoint.counter.categories, truth) for run, found in counts.items()}
    for run, found in counts.items():
        print(
            f"  {run} {sizes[run] / 1e6:.1f} MB, {milliseconds[run]:.1f} ms a photo, "
            f"largest difference {np.abs(found[:COMPARED] - torch_counts).max():.6f}, "
            f"mRMSE {scores[run].metrics.mRMSE:.4f} on {len(test)} photos"
        )
    change = compare(scores["onnx int8"], scores["onnx"], RESAMPLES)["mRMSE"]
    difference = np.abs(counts["onnx int8"] - counts["onnx"])
    other = (as_scored(counts["onnx int8"], True) != as_scored(counts["onnx"], True)).mean()
    print(
        f"  8-bit integers: mRMSE {change.difference:+.4f} "
        f"({change.interval.low:+.4f} to {change.interval.high:+.4f}); counts differ by {difference.mean():.4f} "
        f"on average and {difference.max():.2f} at most, another whole number for {other:.2%}"
    )


def _spread(scenes: SceneSet, number: int) -> SceneSet:
    """``number`` evenly spaced scenes whose photos are there."""
    there = [scene for scene in scenes if scene.path.is_file()]
    return replace(scenes, scenes=tuple(there[i * len(there) // number] for i in range(min(number, len(there)))))


def _scores(run: str, found: NDArray[np.float64], categories: tuple[str, ...], truth: CountTable) -> Evaluation:
    table = CountTable(truth.images, categories, found)
    return evaluate(table, truth, counter=run, data="voc2007", split="test", protocol="all")


def _pixels(checkpoint: Checkpoint, scene: Scene) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = checkpoint.counter.preprocess(scene.image())[None].numpy()
    return pixels


def _in_torch(checkpoint: Checkpoint) -> Counts:
    exportable = Exportable(checkpoint)

    @torch.inference_mode()
    def count(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = exportable(torch.from_numpy(pixels))[0].sum(dim=1)[0].numpy()
        return found

    return count


def _in_onnx(file: Path) -> Counts:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def count(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run([CELLS], {INPUT: pixels})[0].sum(axis=1)[0]
        return found

    return count


def _time(runs: dict[str, Counts], pixels: NDArray[np.float32], repeats: int) -> dict[str, float]:
    """The smallest CPU time of each run in milliseconds; they take turns, after a warm-up."""
    smallest = dict.fromkeys(runs, float("inf"))
    for repeat in range(repeats + 2):
        for run, count in runs.items():
            start = time.process_time()
            count(pixels)
            if repeat >= 2:
                smallest[run] = min(smallest[run], 1000 * (time.process_time() - start))
    return smallest


if __name__ == "__main__":
    main()
