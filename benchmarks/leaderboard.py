"""A leaderboard of counts files and results files under both protocols, with paired intervals, as Markdown.

A row is "NAME = WHAT [options]", in quotes: what `counting evaluate` scores, and its options --fit, --boxes and
--weights. Without rows, everything measured here is scored: baselines, the counters of the zoo (their counts on
val and test are written to --counts first, if missing), and three tiny detectors, whose boxes are results files
in --detections, voc2007_{val,test}_NAME.json.

    python benchmarks/leaderboard.py --counts DIR --detections DIR --out docs/results/leaderboard.md
    python benchmarks/leaderboard.py --data coco --root my-data --split val "mine = counts.csv" \\
        "yolo = boxes.json+yolo.counter.json"
"""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np

from counting.commands.sources import Fit, Split, counts_of
from counting.evaluation.breakdown import (
    STRATA,
    ErrorGroup,
    errors_by_object_size,
    errors_by_true_count,
    mean_object_areas,
)
from counting.evaluation.scores import Evaluation, compare, evaluate
from counting.stats.metrics import Floats, as_scored
from counting.tables.count_table import CountTable
from counting.utils.files import write_text
from counting_datasets.catalog import Place, load
from counting_datasets.categories import match_categories
from counting_datasets.data_sets import find_data_set
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

PROTOCOLS = ("all", "non-difficult")
MARGINS = (0.05, 0.1)
"""Errors up to these shares of the true count are within the margin."""
BASELINES = ("always-0", "category-mean")
ENS = ("voc2007-glance", "voc2007-aso-sub", "voc2007-seq-sub")
"""Counters trained on train alone, whose ensemble can be fitted on val."""
DETECTORS = {"nanodet_plus": "NanoDet-Plus", "yolo_fastest_xl": "YOLO-Fastest XL", "yolov3_tiny": "YOLOv3-tiny"}


@dataclass(frozen=True)
class Row:
    """A counter to score, with the options of `counting evaluate`."""

    name: str
    what: str
    fit: Sequence[str] = ()
    boxes: str = "soft"
    weights: str = "average"
    counter: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Row":
        """The row in "NAME = WHAT [options]" or "WHAT [options]"."""
        name, equals, rest = text.partition(" = ")
        parser = argparse.ArgumentParser(prog=f"row {text!r}", add_help=False)
        parser.add_argument("what")
        parser.add_argument("--fit", action="append", default=[])
        parser.add_argument("--boxes", choices=["soft", "threshold"], default="soft")
        parser.add_argument("--weights", choices=["average", "fitted"], default="average")
        options = parser.parse_args(shlex.split(rest if equals else text))
        return cls(name.strip() if equals else options.what, **vars(options))


@dataclass(frozen=True, eq=False)
class Scored:
    """A row with its scores."""

    name: str
    evaluation: Evaluation
    strata: Sequence[ErrorGroup]
    sizes: Sequence[ErrorGroup]

    @property
    def within(self) -> list[float]:
        """The share of present categories whose count is within each of ``MARGINS``."""
        true = self.evaluation.true_counts()
        present = true > 0
        error = np.abs(scored_counts(self.evaluation) - true)[present]
        return [float((error <= margin * true[present]).mean()) for margin in MARGINS]


def main() -> None:
    arguments = parse_arguments()
    pages = [leaderboard(arguments, protocol) for protocol in PROTOCOLS]
    measured = f"Measured on {datetime.now(UTC).date()}."
    text = "\n\n".join([HEAD, *([] if arguments.rows else [MEASURED]), measured, *pages]) + "\n"
    if arguments.out:
        write_text(arguments.out, text)
    else:
        print(text, end="")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("COUNTING_DATA", "."))
    parser.add_argument("rows", nargs="*", metavar="ROW", type=Row.parse)
    parser.add_argument("--data", default="voc2007")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--counts", type=Path, default=Path("runs/counts"), help="folder of NAME.SPLIT.parquet")
    parser.add_argument("--detections", type=Path, default=data / "detections", help="folder of the results files")
    parser.add_argument("--ready-only", action="store_true", help="leave out counters whose counts are missing")
    parser.add_argument("--reference", help="row to compare the others with (default: the best)")
    parser.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples (default: 1000)")
    parser.add_argument("--out", type=Path, help="Markdown file to write, instead of printing")
    return parser.parse_args()


def leaderboard(arguments: argparse.Namespace, name: str) -> str:
    """The tables of one protocol."""
    protocol = Protocol.parse(name, find_data_set(arguments.data).family)
    place = Place(arguments.root)

    @cache
    def scenes(split: str) -> SceneSet:
        return load(arguments.data, split, place)

    def split_of(part: str) -> Split:
        return Split(CountTable.from_scenes(scenes(part), protocol), scenes(part).under(protocol))

    test, val, train = split_of(arguments.split), cache(lambda: split_of("val")), cache(lambda: split_of("train"))
    images = test.truth.images
    areas = dict(zip(images, mean_object_areas(scenes(arguments.split), protocol, images), strict=True))
    found = []
    for row in arguments.rows or measured(arguments):
        fit = Fit(val, lambda: train().truth, row.fit, row.boxes, row.weights)
        try:
            counts = counts_of(row.what, test, fit)
            scores = evaluate(
                scaled(counts.table, row.counter, protocol) if row.counter else counts.table,
                test.truth,
                counter=row.name,
                data=arguments.data,
                split=arguments.split,
                protocol=name,
                rounded=counts.rounded,
            )
        except CountingError as error:
            sys.exit(f"{row.name}: {error}")
        print(f"{name}: {row.name} {scores.metrics.mRMSE:.3f}", file=sys.stderr)
        own = np.stack([areas[image] for image in scores.truth.images])
        p, c = scored_counts(scores), scores.true_counts()
        found.append(
            Scored(row.name, scores, errors_by_true_count(p, c, STRATA), errors_by_object_size(p, c, own))
        )
    return page(sorted(found, key=lambda one: one.evaluation.metrics.mRMSE), arguments, name)


def measured(arguments: argparse.Namespace) -> list[Row]:
    """Everything measured here, as far as its files are there."""
    rows = [Row(f"{name}{' (not rounded)' * (name == 'category-mean')}", name) for name in BASELINES]
    counts = {name: counts_file(name, "test", arguments) for name in zoo()}
    rows += [Row(name, str(file), counter=name) for name, file in counts.items() if file]
    test, val = (
        [str(arguments.detections / f"voc2007_{part}_{key}.json") for key in DETECTORS] for part in ("test", "val")
    )
    for name, boxes, fit in zip(DETECTORS.values(), test, val, strict=True):
        rows += [
            Row(f"{name}, score ≥ .5", boxes),
            Row(f"{name}, fitted thresholds", boxes, (fit,), "threshold"),
            Row(f"{name}, soft count", boxes, (fit,)),
        ]
    rows.append(Row("the three detectors, fitted weights", "+".join(test), val, weights="fitted"))
    on_val = [counts_file(name, "val", arguments) for name in ENS]
    if all(on_val) and all(counts.get(name) for name in ENS):
        ens, fits = "+".join(str(counts[name]) for name in ENS), [str(file) for file in on_val]
        rows.append(Row("glance + aso-sub + seq-sub, fitted weights", ens, fits, weights="fitted"))
        both = "+".join([ens, *test])
        rows.append(Row("glance + aso-sub + seq-sub + the three detectors", both, [*fits, *val], weights="fitted"))
    return rows


def zoo() -> Sequence[str]:
    from counting.networks.zoo import zoo_names

    return zoo_names()


def counts_file(name: str, split: str, arguments: argparse.Namespace) -> Path | None:
    """The counts of a counter of the zoo, computed if missing; None if they are and --ready-only is given."""
    path = Path(arguments.counts / f"{name}.{split}.parquet")
    if path.is_file():
        return path
    if arguments.ready_only:
        print(f"left out: {path} is missing", file=sys.stderr)
        return None
    from counting.networks.inference import count_scenes
    from counting.networks.zoo import find_counter
    from counting.tables.table_files import write_table

    table, _ = count_scenes(find_counter(name), load("voc2007", split, Place()))
    write_table(table, path)
    return path


def scaled(table: CountTable, name: str, protocol: Protocol) -> CountTable:
    """The counts of a counter of the zoo under a protocol."""
    from counting.networks.zoo import find_counter

    checkpoint = find_counter(name, "cpu")
    places = match_categories(table.categories, checkpoint.counter.categories)
    return table.scaled(checkpoint.scales_under(protocol)[[places[k] for k in range(len(table.categories))]])


def scored_counts(evaluation: Evaluation) -> Floats:
    return as_scored(evaluation.predicted.counts, evaluation.rounded)


HEAD = """\
# Leaderboard

Counters, detectors and ensembles on the same photos, scored in the same way. `python benchmarks/leaderboard.py`
writes this page; it scores any other counts file (CSV, Parquet, JSON) or COCO results file too:

```text
python benchmarks/leaderboard.py "mine = my_counts.csv" "yolo = boxes_test.json --fit boxes_val.json"
```

**mRMSE** and the other metrics are [explained with the results](index.md). **Within 5 %** and **10 %**: share
of the present categories whose count is off by at most that share of the true count. The last column is the
difference in mRMSE to the row named in its heading, with a paired 95 % bootstrap interval over photos. Smaller
is better, except for exact and within. **RMSE by true count** and **by object size** are over pairs of a photo
and a category. A pair's size is the mean share of the photo that an object of the category covers: small below
5 %, large from 25 %."""

MEASURED = """\
The detectors are small and were trained on COCO. Their boxes count if their score is at least .5, or if it
reaches a threshold fitted on the validation split, or each as a fraction fitted there (soft count). The
counters `voc2007-…` were trained on VOC 2007's train split or, if their names end in `-final`, on train and val;
`everyday80` on photos of VOC and COCO, among them VOC 2007's train and val."""


def page(rows: Sequence[Scored], arguments: argparse.Namespace, protocol: str) -> str:
    names = [row.name for row in rows]
    if arguments.reference and arguments.reference not in names:
        sys.exit(f"--reference {arguments.reference!r}: use one of {', '.join(names)}")
    reference = rows[names.index(arguments.reference) if arguments.reference else 0]
    images = len(reference.evaluation.truth.images)
    parts = [
        f"## {arguments.data} {arguments.split}, protocol `{protocol}`, {images:,} photos",
        table(
            ["counter", "mRMSE", "mRMSE-nz", "m-relRMSE", "m-relRMSE-nz", "mae", "exact"]
            + [f"within {margin:.0%}".replace("%", " %") for margin in MARGINS]
            + [f"mRMSE minus that of {reference.name}"],
            [[row.name, *figures(row), difference(row, reference, arguments.bootstrap)] for row in rows],
        ),
        f"### RMSE by true count and by object size, protocol `{protocol}`",
        table(
            ["counter", *(group.name for group in (*reference.strata, *reference.sizes))],
            [
                ["*pairs*", *(f"*{group.pairs:,}*" for group in (*reference.strata, *reference.sizes))],
                *([row.name, *(rmse(group) for group in (*row.strata, *row.sizes))] for row in rows),
            ],
        ),
    ]
    return "\n\n".join(parts)


def figures(row: Scored) -> list[str]:
    metrics = row.evaluation.metrics
    means = (metrics.mRMSE, metrics.mRMSE_nz, metrics.m_relRMSE, metrics.m_relRMSE_nz, metrics.mae, metrics.exact)
    return [f"{value:.3f}" for value in (*means, *row.within)]


def rmse(group: ErrorGroup) -> str:
    return f"{group.rmse:.3f}" if group.pairs else "–"


def difference(row: Scored, reference: Scored, resamples: int) -> str:
    if row is reference:
        return "–"
    found = compare(row.evaluation, reference.evaluation, resamples)["mRMSE"]
    return f"{found.difference:+.3f} ({found.interval.low:+.3f} to {found.interval.high:+.3f})".replace("-", "−")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
