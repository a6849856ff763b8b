"""Detectors improved by counts on PASCAL VOC 2007 test: a counter's, with and without a fit on val, and true ones.

`plain` keeps the boxes above one threshold, the best multiple of .05 on test itself, which users cannot know.
`fitted thresholds` has one threshold per category, fitted on val for F1. Counts come from a counter not trained on
val, and from its ensemble with the detector's soft count; the oracle's are the true counts without difficult
objects. Rows marked (fit) are fitted on val, the others only on the boxes and counts of test.
Columns: F1, precision and recall at IoU .5; COCO's AP of the kept boxes, and of all boxes with their new scores;
mRMSE of the number of kept boxes; differences in F1 with their 95 % paired intervals.

    python benchmarks/improve_detector.py [--counter voc2007-seq-sub] [--detections DIR] [--counts DIR]

With --counts, counts are read from DIR/COUNTER_SPLIT.parquet, which is written first if missing.
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from counting.detection.average_precision import average_precision
from counting.detection.count_calibration import poisson, prior_from_counts
from counting.detection.detect import fit_soft_count
from counting.detection.detections import Detections
from counting.detection.matching import (
    DetectionScores,
    Objects,
    compare_detections,
    detection_scores,
    f1_thresholds,
    match,
)
from counting.detection.priors import CountPrior, fit_prior, top_n
from counting.detection.results_file import read_detections
from counting.networks.counters.ensemble import fit_weights
from counting.networks.inference import count_scenes
from counting.networks.zoo import find_counter
from counting.stats.count_distribution import fit_calibration
from counting.stats.metrics import count_metrics
from counting.tables.count_table import CountTable
from counting.tables.join import join
from counting.tables.table_files import read_table, write_table
from counting_datasets.catalog import load
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene

DETECTORS = ("nanodet_plus", "yolo_fastest_xl", "yolov3_tiny")
PLAIN = np.arange(1, 20) / 20
"""Thresholds of `plain`."""

Distribution = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Half:
    """A split: its readable photos, their true counts, and the counter's counts."""

    scenes: list[Scene]
    truth: CountTable
    counts: CountTable
    objects: Objects


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("COUNTING_DATA", ".")) / "detections"
    parser.add_argument("--counter", default="voc2007-seq-sub")
    parser.add_argument("--detections", type=Path, default=default, help="folder of voc2007_{val,test}_NAME.json")
    parser.add_argument("--counts", type=Path, help="folder of the counts")
    arguments = parser.parse_args()
    val, test = (read_half(arguments.counter, split, arguments.counts) for split in ("val", "test"))
    for name in DETECTORS:
        boxes = [
            read_detections(arguments.detections / f"voc2007_{split}_{name}.json", half.truth)
            for split, half in (("val", val), ("test", test))
        ]
        Comparison(name, arguments.counter, val, test, *boxes).print()


def read_half(counter: str, split: str, kept: Path | None) -> Half:
    scenes = load("voc2007", split)
    file = kept / f"{counter}_{split}.parquet" if kept else None
    if file and file.is_file():
        counts = read_table(file)
    else:
        counts, _ = count_scenes(find_counter(counter), scenes)
        if file:
            write_table(counts, file)
    truth, counts, _ = join(CountTable.from_scenes(scenes, Protocol()), counts)
    counted = set(truth.images)
    readable = [scene for scene in scenes if scene.id in counted]
    return Half(readable, truth, counts, Objects.of(readable, len(truth.categories)))


class Comparison:
    """The rows of one detector."""

    def __init__(
        self, name: str, counter: str, val: Half, test: Half, val_boxes: Detections, test_boxes: Detections
    ) -> None:
        self.name, self.counter = name, counter
        self.val, self.test = val, test
        self.val_boxes, self.test_boxes = val_boxes, test_boxes

    def print(self) -> None:
        print(f"\n{self.name}, {len(self.test.scenes):,} photos of VOC 2007 test")
        head = "    F1  prec.  recall    AP   AP50  AP, all  AP50, all  mRMSE  F1 - plain"
        print(f"{'':46}{head}{'':16}F1 - fitted thresholds")
        base = self.base()
        print_row = self.print_row
        soft = fit_soft_count(self.val_boxes, self.val.truth)
        members = [
            (half.counts, soft.counts(boxes))
            for half, boxes in ((self.val, self.val_boxes), (self.test, self.test_boxes))
        ]
        weights = fit_weights(members[0], self.val.truth)
        ensemble = [weights.combine(pair) for pair in members]
        raw = poisson(self.test.counts.counts)
        self.print_prior("prior, counts without distributions", base, prior_from_counts(self.test_boxes, raw), raw)
        for counts, (on_val, on_test) in {
            self.counter: (self.val.counts, self.test.counts),
            f"{self.counter} + soft count": ensemble,
        }.items():
            spread = self.distributions(on_val, on_test)
            if counts == self.counter:
                print_row(f"top-n, {counts}", base, top_n(self.test_boxes, on_test.counts))
                prior = prior_from_counts(self.test_boxes, spread[1])
                self.print_prior(f"prior, {counts}", base, prior, spread[1])
            else:
                print_row(f"top-n, {counts} (fit)", base, top_n(self.test_boxes, on_test.counts))
            prior = fit_prior(self.val_boxes, self.val.objects, spread[0])
            self.print_prior(f"prior, {counts} (fit), t = {prior.trust}", base, prior, spread[1])
        print_row("oracle, top-n", base, top_n(self.test_boxes, self.test.objects.totals()))
        sure = [one_hot(half.objects.totals()) for half in (self.val, self.test)]
        prior = fit_prior(self.val_boxes, self.val.objects, sure[0])
        self.print_prior(f"oracle, prior (fit), t = {prior.trust}", base, prior, sure[1])

    def base(self) -> tuple[DetectionScores, ...]:
        """The boxes above the best plain threshold, and above the thresholds fitted on val."""
        boxes, objects = self.test_boxes, self.test.objects
        plain = {step: detection_scores(boxes.where(boxes.scores >= step), objects) for step in PLAIN.tolist()}
        best = max(plain, key=lambda step: plain[step].means["F1"])
        self.print_row(f"plain, {best:.2f}", (), boxes.scores >= best)
        labels = match(self.val_boxes, self.val.objects)
        fitted = f1_thresholds(self.val_boxes, self.val_boxes.scores, labels, self.val.objects)
        kept = boxes.scores >= fitted[boxes.category]
        self.print_row("fitted thresholds (fit)", (plain[best],), kept)
        return plain[best], detection_scores(boxes.where(kept), objects)

    def distributions(self, on_val: CountTable, on_test: CountTable) -> tuple[Distribution, Distribution]:
        """The counter's own distributions, or those of a calibration fitted on val."""
        if on_val.distribution is not None and on_test.distribution is not None:
            return on_val.distribution, on_test.distribution
        calibration = fit_calibration(torch.from_numpy(on_val.counts), torch.from_numpy(self.val.truth.counts))
        return calibration.distribution(on_val.counts), calibration.distribution(on_test.counts)

    def print_prior(
        self, name: str, base: tuple[DetectionScores, ...], prior: CountPrior, distribution: Distribution
    ) -> None:
        scores = prior.rescore(self.test_boxes, distribution)
        self.print_row(name, base, prior.keep(self.test_boxes, scores, distribution), scores)

    def print_row(
        self,
        name: str,
        base: tuple[DetectionScores, ...],
        kept: NDArray[np.bool_],
        rescored: NDArray[np.float64] | None = None,
    ) -> None:
        boxes = self.test_boxes
        scores = boxes.scores if rescored is None else rescored
        found = boxes.where(kept)
        mine = detection_scores(found, self.test.objects)
        ap = average_precision(found, scores[kept], self.test.scenes)
        ap_all = average_precision(boxes, scores, self.test.scenes)
        counted = found.totals(np.ones(len(found))).counts
        mrmse = count_metrics(counted, self.test.truth.counts, boxes.categories).mRMSE
        means = " ".join(f"{value:6.4f}" for value in mine.means.values())
        figures = f"{means}  {ap[0]:.3f}  {ap[1]:.3f}   {ap_all[0]:.3f}    {ap_all[1]:.3f}     {mrmse:.3f}"
        for one in base:
            paired = compare_detections(mine, one)["F1"]
            span = f"[{paired.interval.low:+.4f}, {paired.interval.high:+.4f}]"
            figures += f"  {paired.difference:+.4f} {span}"
        print(f"{name:46} {figures}", flush=True)


def one_hot(counts: NDArray[np.float64]) -> Distribution:
    """N×K whole counts → N×K×(L + 1) distributions that are certain of them."""
    return np.asarray(counts[..., None] == np.arange(counts.max() + 1), dtype=np.float64)


if __name__ == "__main__":
    main()
