"""Score answers to count questions: parse and count, the head, its fusions, and baselines that need no photo."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from counting.questions.how_many.encoding import encode, read_questions
from counting.questions.how_many.evidence import asked_categories, from_table
from counting.questions.how_many.model import FUSIONS, HowMany
from counting.questions.how_many.scores import AnswerScores, NounMode, score_answers
from counting.questions.parsing.reading import Reading
from counting.stats.bootstrap import LEVEL, PairedDifference, paired
from counting.stats.metrics import finite_or_none
from counting.tables.count_table import CountTable
from counting.tables.join import check_missing, join
from counting_datasets.answers import vqa_accuracy
from counting_datasets.categories import COCO_CATEGORIES, match_categories
from counting_datasets.errors import DataError
from counting_datasets.questions import Question

PARSE = "parse and count"
_COLUMNS = {"exact": 3, "within_one": 3, "rmse": 2, "vqa_accuracy": 3}


@dataclass(frozen=True, eq=False)
class QuestionEvaluation:
    """The scores of several ways to answer N questions.

    Attributes:
        questions: N.
        shares: the share of the questions in each selection: those that counts answer, those mapped to a counted
            category, and all.
        scores: by selection and by way of answering.
        differences: a fusion's score minus each of its parts', on all questions, by (fusion, part) and then by
            score: ``exact`` and, where annotators are known, ``vqa_accuracy``. Photos are resampled as a whole.
    """

    questions: int
    shares: Mapping[str, float]
    scores: Mapping[str, Mapping[str, AnswerScores]]
    differences: Mapping[tuple[str, str], Mapping[str, PairedDifference]]

    def to_json(self) -> dict[str, object]:
        """All scores by name; undefined ones are null."""
        return {
            "questions": self.questions,
            "scores": {
                selection: {
                    "share": self.shares[selection],
                    **{way: {k: finite_or_none(v) for k, v in asdict(one).items()} for way, one in ways.items()},
                }
                for selection, ways in self.scores.items()
            },
            "difference": {
                f"{fusion} minus {part}": {name: one.to_json() for name, one in found.items()}
                for (fusion, part), found in self.differences.items()
            },
        }

    def to_table(self, title: str) -> Table:
        """For a terminal."""
        table = Table(title=f"{title}, {self.questions:,} questions", title_justify="left")
        table.add_column("questions")
        table.add_column("answered by")
        for name in ("share", "exact", "within 1", "RMSE", "VQA acc."):
            table.add_column(name, justify="right")
        for selection, ways in self.scores.items():
            for way, scores in ways.items():
                cells = [_written(getattr(scores, name), digits) for name, digits in _COLUMNS.items()]
                table.add_row(selection, way, f"{self.shares[selection]:.3f}", *cells)
            table.add_section()
        return table

    def difference_lines(self) -> list[str]:
        """One line per difference; a star marks an interval that excludes 0."""
        return [
            f"{fusion} minus {part}: {name.replace('_', ' ')} {one.difference:+.3f}{'*' * one.significant}"
            f" ({one.interval.low:+.3f} to {one.interval.high:+.3f}, {LEVEL:.0%} interval)"
            for (fusion, part), found in self.differences.items()
            for name, one in found.items()
        ]


def _written(score: float, digits: int) -> str:
    return "–" if math.isnan(score) else f"{score:.{digits}f}"


def with_counts(
    questions: Sequence[Question], tables: Sequence[CountTable], where: str
) -> tuple[list[Question], CountTable, list[str]]:
    """The questions whose photos have counts, one row of counts for each, and the photos without counts.

    Raises:
        DataError: the tables' categories differ, or more than a tenth of the photos lack counts.
    """
    if any(table.categories != tables[0].categories for table in tables):
        raise DataError(f"{where}: the files have different categories")
    if any((table.distribution is None) != (tables[0].distribution is None) for table in tables):
        raise DataError(f"{where}: only some of the files have distributions: give files of one kind")
    photos = list(dict.fromkeys(question.image for question in questions))
    wanted = CountTable(tuple(photos), ("photo",), np.zeros((len(photos), 1)))
    found = [join(wanted, _told_apart(table, photos, where))[1] for table in tables]
    rows: dict[str, tuple[int, int]] = {}
    for place, table in enumerate(found):
        for row, image in enumerate(table.images):
            rows.setdefault(image, (place, row))
    missing = [photo for photo in photos if photo not in rows]
    check_missing(missing, len(photos), where)
    kept = [question for question in questions if question.image in rows]
    return kept, _gather(found, [rows[question.image] for question in kept]), missing


def _told_apart(table: CountTable, photos: Sequence[str], where: str) -> CountTable:
    """The table with folders added to the ids of Visual Genome's photos whose numbers COCO uses too.

    Raises:
        DataError: a number may be a photo of either.
    """
    numbers = {photo for photo in photos if "/" not in photo}
    of_both = {stem: photo for photo in photos if "/" in photo and (stem := photo.rpartition("/")[2]) in numbers}
    unclear = next((image for image in table.images if image in of_both), None)
    if unclear is None:
        return table
    if not any("COCO_" in image for image in table.images):
        either = f"COCO's or {of_both[unclear]}"
        raise DataError(f"{where}: image {unclear!r} could be {either}: write its folder before it")
    return replace(table, images=tuple(of_both.get(image, image) for image in table.images))


def _gather(tables: Sequence[CountTable], rows: Sequence[tuple[int, int]]) -> CountTable:
    """The tables' rows, one per question; a photo may occur more than once."""
    counts = np.stack([tables[place].counts[row] for place, row in rows])
    told = [table.distribution for table in tables]
    distribution = None
    if told[0] is not None:
        distribution = np.stack([of[row] for place, row in rows if (of := told[place]) is not None])
    ids = tuple(map(str, range(len(rows))))
    return CountTable(ids, tables[0].categories, counts, distribution=distribution)


def evaluate_questions(
    questions: Sequence[Question], counts: CountTable, model: HowMany, train: Sequence[Question] = ()
) -> QuestionEvaluation:
    """Score ``model``, parse and count, and baselines; ``counts`` has a row for each question.

    ``train`` are questions from which a baseline takes the commonest answer for each noun; may be empty.

    Raises:
        CountingError: no questions, one without a number as its answer, or counts of none of COCO's categories.
    """
    readings = read_questions([question.text for question in questions])
    encoded, evidence = encode(readings), from_table(counts)
    asked = asked_categories(encoded, evidence).any(dim=1).numpy()
    mapped = asked & [reading.mapped for reading in readings]
    selections = {
        "answered": mapped & [reading.refusal is None for reading in readings],
        "mapped": mapped,
        "all": np.ones(len(questions), dtype=np.bool_),
    }
    ways = {PARSE: _parse_and_count(readings, counts), **_baselines(readings, train)}
    learned = model.answers(encoded, evidence)
    ways |= {name: probability.argmax(dim=1).numpy().astype(np.float64) for name, probability in learned.items()}
    return QuestionEvaluation(
        len(questions),
        {name: float(kept.mean()) for name, kept in selections.items()},
        {name: _scores(ways, questions, kept, name != "all") for name, kept in selections.items() if kept.any()},
        {
            (fusion, part): compare_answers(questions, ways[fusion], ways[part])
            for fusion, parts in FUSIONS.items()
            for part in parts
        },
    )


def _scores(
    ways: Mapping[str, NDArray[np.float64]], questions: Sequence[Question], kept: NDArray[np.bool_], parsed: bool
) -> dict[str, AnswerScores]:
    chosen = [question for question, keep in zip(questions, kept, strict=True) if keep]
    return {
        way: score_answers(answers[kept].tolist(), chosen)
        for way, answers in ways.items()
        if parsed or way != PARSE
    }


def _parse_and_count(readings: Sequence[Reading], counts: CountTable) -> NDArray[np.float64]:
    """The raw counts of what each question asks for, summed."""
    columns = match_categories(counts.categories, COCO_CATEGORIES)
    known = np.zeros((len(readings), len(COCO_CATEGORIES)))
    known[:, list(columns.values())] = counts.counts[:, list(columns)]
    rows = (dict(zip(COCO_CATEGORIES, row, strict=True)) for row in known.tolist())
    return np.array([reading.count(row) for reading, row in zip(readings, rows, strict=True)])


def _baselines(readings: Sequence[Reading], train: Sequence[Question]) -> dict[str, NDArray[np.float64]]:
    found = {f"always {answer}": np.full(len(readings), float(answer)) for answer in (1, 2)}
    if train:
        nouns = [reading.noun for reading in read_questions([question.text for question in train])]
        answers = [question.answer for question in train]
        mode = NounMode((noun, answer) for noun, answer in zip(nouns, answers, strict=True) if answer is not None)
        found["mode per noun"] = np.array([float(mode(reading.noun)) for reading in readings])
    return found


def compare_answers(
    questions: Sequence[Question], a: NDArray[np.float64], b: NDArray[np.float64]
) -> dict[str, PairedDifference]:
    """The share of exact answers of ``a`` minus that of ``b``, and their VQA accuracies if annotators are known.

    Whole photos are resampled for the intervals.
    """
    one, other = _points(questions, a), _points(questions, b)
    photos = {image: row for row, image in enumerate(dict.fromkeys(question.image for question in questions))}
    rows = np.array([photos[question.image] for question in questions])
    asked = np.bincount(rows)

    def by_photo(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([np.bincount(rows, points), asked], axis=1)

    def mean(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return sums[:, :1] / sums[:, 1:]

    return {name: paired((by_photo(one[name]), by_photo(other[name])), mean)[0] for name in one}


def _points(questions: Sequence[Question], answers: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The scores of each answer, from 0 to 1."""
    true = np.array([question.answer for question in questions], dtype=np.float64)
    points = {"exact": (answers == true).astype(np.float64)}
    if all(len(question.annotators) > 1 for question in questions):
        pairs = zip(answers.tolist(), questions, strict=True)
        points["vqa_accuracy"] = np.array([vqa_accuracy(int(answer), one.annotators) for answer, one in pairs])
    return points
