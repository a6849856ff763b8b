"""counting improve"""

import argparse
import json
from functools import cache

from rich.console import Console

from counting.detection.improvement import Val, improve
from counting.tables.table_files import read_table
from counting.utils.files import write_text
from counting.utils.progress import report_skipped
from counting_datasets.catalog import DATASETS, Place, categories_of, load
from counting_datasets.categories import COCO_CATEGORIES, match_categories, parse_categories
from counting_datasets.errors import CountingError
from counting_datasets.scene import SceneSet

OWN = ("voc", "coco")


def run(arguments: argparse.Namespace) -> int:
    """Write the boxes that are left, and say by which rule."""
    if arguments.out.suffix != ".json":
        raise CountingError(f"--out {arguments.out}: end it in .json")
    data = arguments.data or _data_of(arguments.counts)
    own = parse_categories(arguments.categories) if arguments.categories else None
    place = Place(arguments.root, arguments.annotations, arguments.images, own)

    @cache
    def scenes() -> SceneSet:
        return load(data, "val", place)

    if data not in DATASETS:
        raise CountingError(f"unknown data set {data!r}: use {', '.join(DATASETS)}")
    categories = own if own and data == "voc" else scenes().categories if data in OWN else categories_of(data)
    val = Val(scenes, arguments.fit, arguments.fit_counts)
    improved = improve(arguments.detections, arguments.counts, categories, val, arguments.rule)
    write_text(arguments.out, json.dumps(improved.rows) + "\n")
    report_skipped([f"photo {photo}: no counts, so its boxes stay as they are" for photo in improved.lost])
    kept = len(improved.rows)
    if arguments.json:
        said = {"rule": improved.rule, "why": improved.why, "boxes": improved.boxes, "kept": kept}
        print(json.dumps({**said, "without_counts": list(improved.lost), "out": str(arguments.out)}))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"rule {improved.rule}: {improved.why}", markup=False)
    console.print(f"kept {kept:,} of {improved.boxes:,} boxes")
    console.print(f"wrote {arguments.out}", markup=False)
    return 0


def _data_of(counts: str) -> str:
    """COCO's ids mean other things than VOC's; who counts all of COCO's categories has a detector of COCO's."""
    return "coco2014" if len(match_categories(read_table(counts).categories, COCO_CATEGORIES)) == 80 else "voc2007"
