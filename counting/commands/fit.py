"""counting fit"""

import argparse
import json
from pathlib import Path

from rich.console import Console

from counting.commands.sources import is_results_file
from counting.detection.counter_file import check_ending, fit_box_counter, write_box_counter
from counting.detection.detect import FIXED_THRESHOLD
from counting.detection.detect_scenes import detect_scenes
from counting.detection.detections import Detections
from counting.detection.detectors.registry import find_detector, is_detector
from counting.detection.results_file import read_detections
from counting.stats.metrics import count_metrics
from counting.tables.count_table import CountTable
from counting.utils.progress import report_skipped
from counting_datasets.catalog import Place, load
from counting_datasets.categories import parse_categories
from counting_datasets.data_sets import find_data_set
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet


def run(arguments: argparse.Namespace) -> int:
    """Fit a detector's counter on validation photos, write it, and print what it gains."""
    out = check_ending(arguments.out)
    protocol = Protocol.parse(arguments.protocol, find_data_set(arguments.data).family)
    own = parse_categories(arguments.categories) if arguments.categories else None
    place = Place(arguments.root, arguments.annotations, arguments.images, own, arguments.unannotated_are_empty)
    scenes = load(arguments.data, arguments.split, place)
    truth = CountTable.from_scenes(scenes, protocol)
    detections, truth = _boxes(arguments, scenes.under(protocol), truth)
    about = {
        "boxes": arguments.boxes,
        "data": arguments.data,
        "split": arguments.split,
        "protocol": str(protocol),
        "images": len(truth.images),
    }
    fitted = fit_box_counter(detections, truth, arguments.rule, about)
    write_box_counter(fitted.counter, out)
    plain = FIXED_THRESHOLD.counts(detections).counts
    metrics = {
        name: count_metrics(counts, truth.counts, truth.categories, known=truth.known).mRMSE
        for name, counts in (("plain", plain), ("fitted", fitted.held_out))
    }
    if arguments.json:
        print(json.dumps({**about, "rule": arguments.rule, "mRMSE": metrics, "out": str(out)}))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"fitted on {len(detections):,} boxes in {len(truth.images):,} photos, {len(truth.categories)} "
        f"categories, protocol {protocol}"
    )
    console.print(
        f"mRMSE {metrics['fitted']:.3f} on photos left out of the fit; {metrics['plain']:.3f} with every box of a "
        "score of at least .5"
    )
    console.print(f"wrote {out}", markup=False)
    return 0


def _boxes(arguments: argparse.Namespace, scenes: SceneSet, truth: CountTable) -> tuple[Detections, CountTable]:
    """The boxes in the photos that could be read, and their true counts."""
    if is_detector(arguments.boxes):
        detections, skipped = detect_scenes(
            find_detector(arguments.boxes, arguments.device, default_categories=truth.categories), scenes, truth
        )
        report_skipped(list(skipped.values()))
        return detections, truth.select(detections.images)
    if not is_results_file(arguments.boxes) or Path(arguments.boxes).suffix.lower() != ".json":
        raise CountingError(
            f"{arguments.boxes}: give a COCO results file (.json) or a detector, such as torchvision:NAME"
        )
    return read_detections(Path(arguments.boxes), truth), truth
