"""Claim: Diverse Beam Search asks more different questions than beam search, and its first is as good.

    pip install sacrebleu pycocoevalcap
    python benchmarks/question_diversity.py [--data DIR] [--photos N] [--captions] [--choose] [--plot FILE.png]
    python benchmarks/question_diversity.py [--data DIR] [--photos N] [--captions] --counter NAME

DIR (else $COUNTING_DATA) holds vqa/ and ceos/. The shipped generator asks 20 questions about each held-out photo
(or N of them), given its true counts; the references are all questions that people asked about it in VQA. λ is 0
to 1, and 2. With --captions it asks longer questions, in the style of captions, and the references are all "how
many" questions of COCO-QA, which a program made from captions, about photos with odd numbers. --choose uses the
photos on which choices were made instead of the held-out ones. All figures are means over photos:

words        in a question; at w words a question distinct-4 cannot exceed 1 − 3/w
distinct-n   different n-grams in the 20 questions, over the words in them (0–100)
oracle@k     the best score of the k most probable: BLEU-4 (sentence BLEU, effective order, 0–100), CIDEr (its
             document frequencies from the references of these photos)
formed       share of the 20 that the parser accepts as questions that counts answer
there        share of the 20 that are accepted and ask about something in the photo
things       number of different things in the photo (categories or sets of them) that these ask about
found        share of people's questions about something in the photo that ask about one of those things
shown        number of the 20 that `counting questions` would show

Below the table are the differences from beam search, with 95 % bootstrap intervals over photos.

--counter asks about the (first N) photos of VOC 2007 test in DIR/VOCdevkit, given the counts of the counter NAME,
and judges by the true counts, so the figures include the counter's errors.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from counting.networks.inference import count_scenes
from counting.networks.zoo import find_counter
from counting.questions.generator.decoding import DiversityName, Method
from counting.questions.generator.files import load_generator
from counting.questions.generator.for_photo import contents_of
from counting.questions.generator.network import QuestionGenerator
from counting.questions.generator.selection import Contents, WorthAsking
from counting.questions.generator.tokens import Mark, question_words
from counting.questions.parsing.parser import QuestionParser
from counting.stats.bootstrap import paired
from counting.tables.count_table import CountTable
from counting.utils.progress import track
from counting_datasets.catalog import Place, load
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.protocol import Protocol
from recipes.distinct import distinct
from recipes.question_data import AskedQuestion, Split, load_counts, load_training_questions

BEAMS, AT_ONCE = 20, 50
RANKS = (1, 5, 10, 20)
STRENGTHS = (0.2, 0.35, 0.5, 0.75, 1.0, 2.0)
DIVERSITIES: dict[Mark, tuple[DiversityName, ...]] = {
    Mark.PEOPLE: ("hamming", "cumulative", "ngram", "embedding"),
    Mark.CAPTIONS: ("hamming", "cumulative"),
}
Asked = list[list[str]]
"""Of every photo its questions, the likeliest first."""


def methods(mark: Mark) -> dict[str, Method]:
    """The methods compared, by row name. At strength 0 all diversities are the same."""
    found = {"beam": Method("beam", BEAMS), "sample": Method("sample", BEAMS)}
    found["diverse 0"] = Method("diverse", BEAMS, BEAMS, "hamming", 0.0)
    for name in DIVERSITIES[mark]:
        for strength in STRENGTHS:
            found[f"{name} {strength}"] = Method("diverse", BEAMS, BEAMS, name, strength)
    return {name: replace(method, mark=mark) for name, method in found.items()}


def ask(
    generator: QuestionGenerator, method: Method, counts: NDArray[np.float32], categories: Sequence[str], name: str
) -> Asked:
    """The questions about N photos with N×K ``counts``."""
    asked: Asked = []
    with torch.no_grad():
        for begin in track(range(0, len(counts), AT_ONCE), name, unit=AT_ONCE):
            placed = generator.place(torch.from_numpy(counts[begin : begin + AT_ONCE]), categories)
            for beams in method(generator, *generator.prompt(*placed, method.mark)):
                asked.append([generator.text(beam) for beam in beams])
    return asked


class Scores:
    """BLEU-4 and CIDEr of questions against people's, photo by photo."""

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        try:
            from pycocoevalcap.cider.cider import Cider
            from sacrebleu.metrics.bleu import BLEU
        except ImportError as error:
            sys.exit(f"{error}: pip install sacrebleu pycocoevalcap")
        self._references = [[_plain(text) for text in texts] for texts in references]
        self._bleu, self._cider = BLEU(tokenize="none", effective_order=True), Cider()
        self._known: dict[tuple[int, str], float] = {}

    def bleu(self, asked: Asked) -> NDArray[np.float64]:
        """N×B."""
        return np.array([[self._one(photo, _plain(text)) for text in texts] for photo, texts in enumerate(asked)])

    def cider(self, asked: Asked) -> NDArray[np.float64]:
        """N×B; every rank is scored as a corpus of its own, against the same references."""
        gold = dict(enumerate(self._references))
        ranks = []
        for rank in zip(*asked, strict=True):
            _, scores = self._cider.compute_score(gold, {i: [_plain(text)] for i, text in enumerate(rank)})
            ranks.append(scores)
        return np.stack(ranks, axis=1)

    def _one(self, photo: int, text: str) -> float:
        key = photo, text
        if key not in self._known:
            self._known[key] = self._bleu.sentence_score(text, self._references[photo]).score
        return self._known[key]


def _plain(text: str) -> str:
    return " ".join(question_words(text))


@dataclass(frozen=True, eq=False)
class Row:
    """The means of a method over the photos, and per photo the 5×N scores that get intervals (``GAINS``)."""

    by_photo: NDArray[np.float64]
    words: float
    distinct: tuple[float, ...]
    bleu: tuple[float, ...]
    cider: tuple[float, ...]
    formed: float
    there: float
    things: float
    found: float
    shown: float

    def __str__(self) -> str:
        cells = [f"{self.words:.1f}", *(f"{100 * value:.1f}" for value in self.distinct)]
        cells += [f"{value:.1f}" for value in self.bleu] + [f"{value:.3f}" for value in self.cider]
        cells += [f"{value:.3f}" for value in (self.formed, self.there)]
        return " | ".join([*cells, f"{self.things:.2f}", f"{self.found:.3f}", f"{self.shown:.1f}"])

    def against(self, other: "Row") -> str:
        """Differences from ``other``, on the same photos, with bootstrap intervals over photos."""
        photos = self.by_photo.shape[1]
        differences = paired((self.by_photo.T, other.by_photo.T), lambda sums: sums / photos)
        said = [
            f"{name} {one.difference:+.3f} ({one.interval.low:+.3f} to {one.interval.high:+.3f})"
            for name, one in zip(GAINS, differences, strict=True)
        ]
        return f"distinct-4 × {self.distinct[3] / other.distinct[3]:.2f}, {', '.join(said)}"


GAINS = ("distinct-4", "BLEU@1", "CIDEr@1", "BLEU@20", "CIDEr@20")

COLUMNS = (
    *("words", "distinct-1", "distinct-2", "distinct-3", "distinct-4"),
    *(f"{what}@{k}" for what in ("BLEU", "CIDEr") for k in RANKS),
    *("formed", "there", "things", "found", "shown"),
)


class Photos:
    """N photos, their contents and the questions that people ask about them."""

    def __init__(self, contents: Sequence[Contents], references: Sequence[Sequence[str]]) -> None:
        self._contents, self._scores = contents, Scores(references)
        self._parser = QuestionParser(contents[0].categories)
        self._worth = WorthAsking(contents[0].categories)
        pairs = zip(references, contents, strict=True)
        self._asked_for = [
            [thing for text in texts if (thing := self._thing(text, each))] for texts, each in pairs
        ]

    def measure(self, asked: Asked) -> Row:
        """The row of one method."""
        words = [[question_words(text) for text in texts] for texts in asked]
        bleu, cider = self._scores.bleu(asked), self._scores.cider(asked)
        things = [[self._thing(text, each) for text in texts] for texts, each in self._with(asked)]
        different = [{thing for thing in of_photo if thing} for of_photo in things]
        found = [one in ours for theirs, ours in zip(self._asked_for, different, strict=True) for one in theirs]
        grams = [100 * distinct(each, 4) for each in words]
        return Row(
            by_photo=np.stack([grams, bleu[:, 0], cider[:, 0], bleu.max(axis=1), cider.max(axis=1)]),
            words=float(np.mean([len(each) for texts in words for each in texts])),
            distinct=tuple(float(np.mean([distinct(each, n) for each in words])) for n in (1, 2, 3, 4)),
            bleu=tuple(float(bleu[:, :k].max(axis=1).mean()) for k in RANKS),
            cider=tuple(float(cider[:, :k].max(axis=1).mean()) for k in RANKS),
            formed=formed(asked, self._parser),
            there=float(np.mean([bool(thing) for of_photo in things for thing in of_photo])),
            things=float(np.mean([len(each) for each in different])),
            found=float(np.mean(found)),
            shown=float(np.mean([len(self._worth(texts, each)) for texts, each in self._with(asked)])),
        )

    def _with(self, asked: Asked) -> Iterator[tuple[list[str], Contents]]:
        return zip(asked, self._contents, strict=True)

    def _thing(self, text: str, contents: Contents) -> frozenset[int]:
        """The categories asked for that are in the photo."""
        return frozenset(place for place in contents.asked(self._parser(text)) if contents.counts[place] >= 0.5)


def formed(asked: Asked, parser: QuestionParser) -> float:
    """The share that the parser accepts as questions that counts answer."""
    return float(np.mean([parser(text).refusal is None for texts in asked for text in texts]))


def held_out(data: Path, split: Split, mark: Mark) -> list[AskedQuestion]:
    """The references: people's of a split; of COCO-QA's, few of which are in "valid", by even and odd numbers."""
    questions = load_training_questions(data)
    if mark == Mark.PEOPLE:
        return [each for each in questions[split] if each.mark == mark]
    captions = [each for each in (*questions["valid"], *questions["test"]) if each.mark == mark]
    return [each for each in captions if int(each.image) % 2 == (split == "test")]


def gather(
    data: Path, split: Split, photos: int | None, mark: Mark = Mark.PEOPLE
) -> tuple[NDArray[np.float32], Photos]:
    """For some photos of a split, the true counts (N×80), their contents and the questions about them."""
    asked = held_out(data, split, mark)
    images = sorted({each.image for each in asked}, key=int)
    chosen = np.random.default_rng(0).permutation(len(images))[:photos]
    images = [images[place] for place in sorted(chosen)]
    references: dict[str, list[str]] = {image: [] for image in images}
    for each in asked:
        if each.image in references:
            references[each.image].append(each.text)
    true = load_counts(data)
    counts = np.stack([true[image] for image in images])
    contents = [Contents.certain(COCO_CATEGORIES, row) for row in counts]
    number = sum(map(len, references.values()))
    print(f"{len(images):,} photos, {number:,} questions of {mark.name.lower()}, B = {BEAMS}\n")
    return counts, Photos(contents, list(references.values()))


def compare(data: Path, split: Split, photos: int | None, mark: Mark) -> dict[str, Row]:
    """Print the table of all methods, row by row, and their differences from beam search."""
    (counts, asked_of), generator = gather(data, split, photos, mark), load_generator()
    print("| " + " | ".join(["method", *COLUMNS]) + " |\n|" + "---|" * (1 + len(COLUMNS)))
    rows = {}
    for name, method in methods(mark).items():
        rows[name] = asked_of.measure(ask(generator, method, counts, COCO_CATEGORIES, name))
        print(f"| {name} | {rows[name]} |", flush=True)
    print()
    for name in rows:
        print(f"{name}: {rows[name].against(rows['beam'])}")
    return rows


def plot(rows: Mapping[str, Row], mark: Mark, path: Path) -> None:
    """Distinct 4-grams and the best of 20, by λ."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    panels = (
        ("distinct-4", lambda row: 100 * row.distinct[3]),
        ("CIDEr@20", lambda row: row.cider[3]),
        ("questions found", lambda row: row.found),
    )
    for axis, (title, value) in zip(axes, panels, strict=True):
        for name in DIVERSITIES[mark]:
            line = [value(rows["diverse 0"]), *(value(rows[f"{name} {strength}"]) for strength in STRENGTHS)]
            axis.plot((0.0, *STRENGTHS), line, marker="o", markersize=3, label=name)
        axis.axhline(value(rows["beam"]), color="black", linewidth=1, label="beam search")
        axis.axhline(value(rows["sample"]), color="gray", linewidth=1, linestyle="--", label="sampling")
        axis.set(title=title, xlabel="λ")
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)


def with_a_counter(name: str, data: Path, photos: int | None, mark: Mark) -> None:
    """The questions about VOC photos, asked from a counter's counts and judged by the true ones."""
    checkpoint = find_counter(name)
    scenes = load("voc2007", "test", Place(data / "VOCdevkit" / "VOC2007"))
    scenes = scenes[:photos]
    table, _ = count_scenes(checkpoint, scenes)
    truth = CountTable.from_scenes(scenes, Protocol.parse("all", scenes.family))
    true = [Contents.certain(table.categories, row) for row in truth.counts]
    seen = [contents_of(checkpoint, row) for row in table.counts]
    generator, parser, worth = load_generator(), QuestionParser(table.categories), WorthAsking(table.categories)
    counts = np.stack([each.likely() for each in seen]).astype(np.float32)
    print(f"{len(seen):,} photos of VOC 2007 test, counted by {name}\n")
    columns = ("method", "formed", "there", "shown", "formed, shown", "there, shown", "photos with a question")
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    compared = methods(mark)
    for method in ("beam", "sample", "hamming 0.35", "hamming 1.0", "cumulative 1.0", "cumulative 2.0"):
        asked = ask(generator, compared[method], counts, table.categories, method)
        readings = [worth(texts, each) for texts, each in zip(asked, seen, strict=True)]
        shown = [[each.question for each in of_photo] for of_photo in readings]
        figures = [f"{formed(asked, parser):.3f}", f"{truly_there(asked, true, parser):.3f}"]
        figures += [f"{np.mean([len(each) for each in shown]):.2f}"]
        figures += [f"{formed(shown, parser):.3f}", f"{truly_there(shown, true, parser):.3f}"]
        figures += [f"{np.mean([bool(each) for each in shown]):.3f}"]
        print(f"| {method} | {' | '.join(figures)} |", flush=True)


def truly_there(asked: Asked, contents: Sequence[Contents], parser: QuestionParser) -> float:
    """The share that asks about something in the photo."""
    return float(
        np.mean([each.holds(parser(text)) for texts, each in zip(asked, contents, strict=True) for text in texts])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTING_DATA", ".")))
    parser.add_argument("--photos", type=int, metavar="N", help="number of photos (default: all)")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    parser.add_argument(
        "--captions", action="store_true", help="the style of captions, with COCO-QA's questions as references"
    )
    parser.add_argument("--choose", action="store_true", help="use the photos on which choices were made")
    parser.add_argument("--counter", metavar="NAME", help="ask about VOC photos, given this counter's counts")
    arguments = parser.parse_args()
    mark = Mark.CAPTIONS if arguments.captions else Mark.PEOPLE
    if arguments.counter:
        with_a_counter(arguments.counter, arguments.data, arguments.photos, mark)
        return
    rows = compare(arguments.data, "valid" if arguments.choose else "test", arguments.photos, mark)
    if arguments.plot:
        plot(rows, mark, arguments.plot)


if __name__ == "__main__":
    main()
