"""counting evaluate"""

import argparse
import json
from dataclasses import replace
from functools import cache

from rich.console import Console

from counting.commands.sources import Fit, Split, counts_of, files_in
from counting.evaluation.score_tables import category_table, comparison_table, score_table
from counting.evaluation.scores import Evaluation, compare, evaluate
from counting.stats.bootstrap import RESAMPLES
from counting.tables.count_table import CountTable
from counting.tables.table_files import read_table
from counting.utils.progress import report_skipped
from counting_datasets.catalog import Place, load
from counting_datasets.categories import parse_categories
from counting_datasets.data_sets import find_data_set
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol


def run(arguments: argparse.Namespace) -> int:
    """Score WHAT, compare it with WHAT2, and print or write the scores."""
    if arguments.questions:
        from counting.commands.evaluate_questions import run as run_questions

        return run_questions(arguments)
    if arguments.what is None:
        raise CountingError("nothing to evaluate: give WHAT, or --questions and --counts (see --help)")
    protocol = Protocol.parse(arguments.protocol, find_data_set(arguments.data).family)
    split = _split(arguments, arguments.split, arguments.truth, protocol)
    if arguments.explanations:
        return _evaluate_explanations(arguments, split)
    fit = _fit(arguments, protocol)
    first = files_in(arguments.what) if arguments.against else len(fit.files)
    mine, theirs = (replace(fit, files=files) for files in (fit.files[:first], fit.files[first:]))
    scored = _score(arguments.what, arguments, split, mine, protocol)
    other = _score(arguments.against, arguments, split, theirs, protocol) if arguments.against else None
    if arguments.report:
        from counting.report.report import write_report

        report = write_report(
            scored, arguments.report, split.scenes, against=other, resamples=arguments.bootstrap or RESAMPLES
        )
    _print(scored, other, arguments)
    if arguments.report and not arguments.json:
        print(f"report {report}")
    return 0


def _evaluate_explanations(arguments: argparse.Namespace, split: Split) -> int:
    from counting.explain.map_evaluation import evaluate_explanations
    from counting.networks.zoo import find_counter

    if split.scenes is None:
        raise CountingError("--explanations needs photos: use --data instead of --truth")
    counter = find_counter(arguments.what, arguments.device).counter
    scores, skipped = evaluate_explanations(counter, split.scenes)
    report_skipped(skipped)
    if arguments.json:
        print(json.dumps(scores.to_json()))
    else:
        Console().print(scores.to_table(f"{arguments.what} on {arguments.data} {arguments.split}"))
    return 0


def _score(what: str, arguments: argparse.Namespace, split: Split, fit: Fit, protocol: Protocol) -> Evaluation:
    counts = counts_of(what, split, fit, arguments.device)
    report_skipped(list(counts.skipped.values()))
    return evaluate(
        counts.table,
        split.truth,
        counter=what,
        data=arguments.truth or arguments.data,
        split=arguments.split,
        protocol=str(protocol),
        rounded=counts.rounded,
        resamples=arguments.bootstrap or 0,
    )


def _split(arguments: argparse.Namespace, name: str, truth_file: str | None, protocol: Protocol) -> Split:
    if truth_file:
        return Split(_under(read_table(truth_file), protocol), protocol=protocol)
    categories = parse_categories(arguments.categories) if arguments.categories else None
    own = Place(
        arguments.root, arguments.annotations, arguments.images, categories, arguments.unannotated_are_empty
    )
    scenes = load(arguments.data, name, own)
    return Split(CountTable.from_scenes(scenes, protocol), scenes.under(protocol), protocol)


def _under(truth: CountTable, protocol: Protocol) -> CountTable:
    if protocol.non_difficult or protocol.no_crowd:
        raise CountingError(
            f"protocol {protocol}: a counts file does not record which objects are difficult or crowds"
        )
    if not protocol.non_empty:
        return truth
    counted = truth.counts.sum(axis=1) > 0
    return truth.select([image for image, kept in zip(truth.images, counted, strict=True) if kept])


def _fit(arguments: argparse.Namespace, protocol: Protocol) -> Fit:
    def val() -> Split:
        if arguments.truth and not arguments.fit_truth:
            raise CountingError("with --truth, fitting needs true validation counts: --fit-truth FILE")
        return _split(arguments, "val", arguments.fit_truth, protocol)

    def train() -> CountTable:
        if arguments.train_truth:
            return read_table(arguments.train_truth)
        if arguments.truth:
            raise CountingError("with --truth, this baseline needs true training counts: --train-truth FILE")
        return _split(arguments, "train", None, protocol).truth

    return Fit(cache(val), cache(train), arguments.fit, arguments.boxes, arguments.weights)


def _print(mine: Evaluation, other: Evaluation | None, arguments: argparse.Namespace) -> None:
    differences = compare(mine, other, arguments.bootstrap or RESAMPLES) if other else {}
    if arguments.json:
        paired = {name: found.to_json() for name, found in differences.items()}
        more = {"against": other.to_json(), "difference": paired} if other else {}
        print(json.dumps({**mine.to_json(), **more}))
        return
    console = Console(highlight=False)
    console.print(comparison_table(mine, other, differences) if other else score_table(mine))
    if arguments.per_category:
        for scored in filter(None, (mine, other)):
            console.print()
            console.print(category_table(scored))
