"""All figures of one counter on a data set: errors, intervals, what a person is shown, and where the points are.

    python benchmarks/counter_figures.py everyday80 --data voc2007 --split test
    python benchmarks/counter_figures.py everyday80 --data coco --root DIR --split test2014_subset \
        --only DIR/full_size.txt

Errors are mRMSE and mRMSE-nz under ``all`` and ``non-difficult``. Coverage is that of the randomized integral
transform. Of the things that are shown to a person: how many are there (precision), how many of those that are
there are shown (recall), and how often the shown count is exact. The pointing game asks whether the point with the
largest weight lies in a box of its category, for every category that is there and for those that are shown.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import counting
from counting.evaluation.distribution_scores import distribution_scores
from counting.networks.zoo import find_counter
from counting.predictor.count_result import CountResult
from counting.stats.metrics import count_metrics
from counting_datasets.catalog import Place, in_categories, load
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counter")
    parser.add_argument("--data", default="voc2007")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--only", type=Path, help="a file with the names of the photos to use, one a line")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth photo")
    arguments = parser.parse_args()
    counter = counting.load(arguments.counter)
    scenes = load(arguments.data, arguments.split, Place(arguments.root))
    scenes = in_categories(scenes, counter.categories, partly=True)[:: arguments.every]
    chosen = [scene for scene in scenes if arguments.only is None or scene.id in names(arguments.only)]
    print(f"{arguments.counter} on {arguments.data} {arguments.split}, {len(chosen)} photos", flush=True)
    results = list(counter.stream([scene.path for scene in chosen], workers=1))
    errors(arguments.counter, chosen, results, scenes)
    intervals(chosen, results)
    shown(chosen, results)
    pointing(chosen, results)


def names(file: Path) -> set[str]:
    """The names of photos in a list, without folder and ending."""
    return {Path(line.strip()).stem for line in file.read_text().splitlines() if line.strip()}


def errors(name: str, scenes: Sequence[Scene], results: Sequence[CountResult], of: SceneSet) -> None:
    raw = np.stack([result.cells.sum(axis=0, dtype=np.float64) for result in results])
    checkpoint = find_counter(name)
    for protocol_name in ("all", "non-difficult", "no-crowd"):
        protocol = Protocol.parse(protocol_name, of.family)
        true = np.stack([scene.counts(protocol) for scene in scenes]).astype(np.float64)
        known = np.stack([scene.known_counts(protocol) for scene in scenes])
        seen = known.any(axis=0)
        counts = raw * checkpoint.scales_under(protocol)
        categories = [name for name, flag in zip(of.categories, seen, strict=True) if flag]
        found = count_metrics(counts[:, seen], true[:, seen], categories, known=known[:, seen])
        scores = f"mRMSE {found.mRMSE:.4f}  nz {found.mRMSE_nz:.4f}"
        print(f"  {protocol_name:14} {scores}  of {len(categories)} categories")


def intervals(scenes: Sequence[Scene], results: Sequence[CountResult]) -> None:
    if results[0][results[0].categories[0]].distribution is None:
        return
    distribution = np.stack([np.stack([one.distribution for one in result]) for result in results])
    true = np.stack([scene.counts(Protocol()) for scene in scenes]).astype(np.float64)
    known = np.stack([scene.known_counts(Protocol()) for scene in scenes])
    scores = distribution_scores(distribution, true, known)
    covered = "  ".join(f"{one.level:.0%}: {one.randomized:.3f}" for one in scores.coverage)
    print(f"  coverage       {covered}  (log score {scores.log_score:.4f})")


def shown(scenes: Sequence[Scene], results: Sequence[CountResult]) -> None:
    there = hits = said = exact = close = 0
    for scene, result in zip(scenes, results, strict=True):
        true, known = scene.counts(Protocol()), scene.known_counts(Protocol())
        there += int((true[known] > 0).sum())
        for k, count in enumerate(result.counts.get(name, 0) for name in result.categories):
            if count and known[k]:
                said, hits = said + 1, hits + int(true[k] > 0)
                exact, close = exact + int(true[k] == count), close + int(abs(true[k] - count) <= 1)
    print(f"  shown          precision {hits / said:.3f}  recall {hits / there:.3f}  ", end="")
    print(f"exact {exact / said:.3f}  within one {close / said:.3f}  ({said} shown, {there} there)")


def pointing(scenes: Sequence[Scene], results: Sequence[CountResult]) -> None:
    found = {"there": [], "shown and there": []}
    for scene, result in zip(scenes, results, strict=True):
        for k, one in enumerate(result):
            boxes = scene.boxes[scene.labels == k]
            if one.points is None or not len(boxes):
                continue
            hit = bool(len(one.points)) and inside(one.points[0], boxes)
            found["there"].append(hit)
            if one.category in result.counts:
                found["shown and there"].append(hit)
    for name, hits in found.items():
        if hits:
            print(f"  pointing game  {np.mean(hits):.3f} of {len(hits)} categories {name}")


def inside(point: np.ndarray, boxes: np.ndarray) -> bool:
    x, y = point[:2]
    return bool(((boxes[:, 0] <= x) & (x <= boxes[:, 2]) & (boxes[:, 1] <= y) & (y <= boxes[:, 3])).any())


if __name__ == "__main__":
    main()
