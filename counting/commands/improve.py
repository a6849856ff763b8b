"""counting improve"""

import argparse
import json
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from rich.console import Console

from counting.detection.improvement import DataSet, Val, improve
from counting.detection.results_file import COCO_IDS
from counting.tables.count_table import CountTable
from counting.tables.join import find_rows
from counting.tables.table_files import read_table
from counting.utils.files import write_text
from counting.utils.progress import report_skipped
from counting_datasets.catalog import Place, load
from counting_datasets.categories import COCO_CATEGORIES, match_categories, parse_categories
from counting_datasets.data_sets import find_data_set
from counting_datasets.errors import CountingError, DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

SPLITS = ("val", "test", "train")
"""Splits to search for the photos of the boxes, in order."""


def run(arguments: argparse.Namespace) -> int:
    """Write the boxes to keep, and print the rule that chose them."""
    if arguments.out.suffix.lower() != ".json":
        raise CountingError(f"--out {arguments.out}: must end in .json")
    counts = read_table(arguments.counts)
    name = arguments.data or _data_of(counts)
    categories = find_data_set(name).categories
    own = parse_categories(arguments.categories) if arguments.categories else None
    place = Place(arguments.root, arguments.annotations, arguments.images, own, arguments.unannotated_are_empty)

    @cache
    def scenes(split: str) -> SceneSet:
        return load(name, split, place)

    data = _published(categories) if categories else _own(scenes, counts)
    val = Val(partial(scenes, "val"), arguments.fit, arguments.fit_counts)
    improved = improve(arguments.detections, arguments.counts, counts, data, val, arguments.rule)
    write_text(arguments.out, json.dumps(improved.rows) + "\n")
    report_skipped([f"photo {photo}: no counts; its boxes are unchanged" for photo in improved.without_counts])
    kept = len(improved.rows)
    if arguments.json:
        said = {"rule": improved.rule, "why": improved.why, "boxes": improved.boxes, "kept": kept}
        print(json.dumps({**said, "without_counts": list(improved.without_counts), "out": str(arguments.out)}))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"rule {improved.rule}: {improved.why}", markup=False)
    console.print(f"kept {kept:,} of {improved.boxes:,} boxes")
    console.print(f"wrote {arguments.out}", markup=False)
    return 0


def _data_of(counts: CountTable) -> str:
    """The data set that the counts' categories belong to: COCO 2014 for COCO's 80, else VOC 2007."""
    return "coco2014" if len(match_categories(counts.categories, COCO_CATEGORIES)) == 80 else "voc2007"


def _published(categories: tuple[str, ...]) -> DataSet:
    """A published data set, described without reading its files."""
    return DataSet(categories, COCO_IDS if categories == COCO_CATEGORIES else None)


def _own(scenes: Callable[[str], SceneSet], counts: CountTable) -> DataSet:
    """The user's own data, as the split that contains most photos of the counts."""
    best: DataSet | None = None
    most = -1
    problems = []
    for split in SPLITS:
        try:
            found = scenes(split)
        except DataError as error:
            problems.append(error)
            continue
        photos = CountTable.from_scenes(found, Protocol())
        known = int(np.count_nonzero(find_rows(photos, counts.images) >= 0))
        if known > most:
            best, most = DataSet(photos.categories, photos.category_ids, photos), known
        if known == len(counts.images):
            break
    if best is None:
        raise problems[0]
    return best
