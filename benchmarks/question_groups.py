"""Claim: with no λ or number of groups is the best of 20 diverse questions closer to people's than beam search's.

    pip install sacrebleu pycocoevalcap
    python benchmarks/question_groups.py [--data DIR] [--photos N] [--plot FILE.png]

Uses N (default: 300) of the photos on which choices were made, and the figures of question_diversity.py;
"different" is the number of different questions among the 20.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from question_diversity import BEAMS, RANKS, Row, ask, gather

from counting.questions.generator.decoding import DiversityName, Method
from counting.questions.generator.files import load_generator
from counting_datasets.categories import COCO_CATEGORIES

STRENGTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
COMPARED: tuple[tuple[DiversityName, int], ...] = (
    *(("hamming", groups) for groups in (2, 4, 5, 10, 20)),
    *(("cumulative", groups) for groups in (10, 20)),
)
COLUMNS = (
    "words",
    "different",
    "distinct-4",
    "BLEU@20",
    *(f"CIDEr@{k}" for k in RANKS),
    "there",
    "things",
    "found",
)


def named(diversity: DiversityName, groups: int, strength: float) -> str:
    """Its row."""
    return f"{diversity}, G = {groups}, λ = {strength}"


def compare(data: Path, photos: int) -> dict[str, Row]:
    """Print the table, row by row."""
    (counts, asked_of), generator = gather(data, "valid", photos), load_generator()
    methods = {"beam": Method("beam", BEAMS)} | {
        named(diversity, groups, strength): Method("diverse", BEAMS, groups, diversity, strength)
        for diversity, groups in COMPARED
        for strength in STRENGTHS
    }
    print("| " + " | ".join(["method", *COLUMNS]) + " |\n|" + "---|" * (1 + len(COLUMNS)))
    rows = {}
    for name, method in methods.items():
        asked = ask(generator, method, counts, COCO_CATEGORIES, name)
        row = rows[name] = asked_of.measure(asked)
        cells = [f"{row.words:.1f}", f"{np.mean([len(set(texts)) for texts in asked]):.1f}"]
        cells += [f"{100 * row.distinct[3]:.1f}", f"{row.bleu[3]:.1f}", *(f"{value:.3f}" for value in row.cider)]
        cells += [f"{row.there:.3f}", f"{row.things:.2f}", f"{row.found:.3f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return rows


def plot(rows: Mapping[str, Row], path: Path) -> None:
    """Distinct 4-grams and the best of 20, by λ and G, and the best of k."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    panels: tuple[tuple[str, Callable[[Row], float]], ...] = (
        ("distinct-4", lambda row: 100 * row.distinct[3]),
        ("CIDEr@20", lambda row: row.cider[3]),
    )
    for axis, (title, value) in zip(axes, panels, strict=False):
        for diversity, groups in COMPARED:
            line = [value(rows[named(diversity, groups, strength)]) for strength in STRENGTHS]
            style = "-" if diversity == "hamming" else "--"
            axis.plot(STRENGTHS, line, style, marker="o", markersize=3, label=f"{diversity}, G = {groups}")
        axis.axhline(value(rows["beam"]), color="black", linewidth=1, label="beam search")
        axis.set(title=title, xlabel="λ", xscale="log")
    axes[0].legend(fontsize=7)
    best = ("beam", named("hamming", 2, 0.5), named("hamming", 20, 1.0), named("cumulative", 20, 2.0))
    for name in best:
        axes[2].plot(RANKS, rows[name].cider, marker="o", markersize=3, label=name)
    axes[2].set(title="CIDEr@k", xlabel="k", xticks=RANKS)
    axes[2].legend(fontsize=7)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTING_DATA", ".")))
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    arguments = parser.parse_args()
    rows = compare(arguments.data, arguments.photos)
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
