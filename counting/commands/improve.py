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
"""Splits in which the photos of the boxes are looked for."""


def run(arguments: argparse.Namespace) -> int:
    """Write the boxes that are left, and say by which rule."""
    if arguments.out.suffix.lower() != ".json":
        raise CountingError(f"--out {arguments.out}: end it in .json")
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


def _data_of(counts: CountTable) -> str:
    """COCO 2014 for counts of COCO's 80 categories, else VOC 2007."""
    return "coco2014" if len(match_categories(counts.categories, COCO_CATEGORIES)) == 80 else "voc2007"


def _published(categories: tuple[str, ...]) -> DataSet:
    """What is known of a published data set without opening it."""
    return DataSet(categories, COCO_IDS if categories == COCO_CATEGORIES else None)


def _own(scenes: Callable[[str], SceneSet], counts: CountTable) -> DataSet:
    """The user's own data, by the split that most photos of the counts are in."""
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
