"""Data to train and evaluate a question generator: questions and the counts of their photos."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counting.questions.generator.network import BEGINNING, MAX_WORDS
from counting.questions.generator.tokens import Mark, question_words
from counting.questions.parsing.parser import QuestionParser
from counting.questions.parsing.reading import Reading
from counting.tables.table_files import read_table
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.questions import Question, count_qa, load_cocoqa, load_vqa

Split = Literal["train", "valid", "test"]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question, the number of its COCO photo, and its origin (people or captions)."""

    image: str
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Lesson:
    """A training question.

    Attributes:
        words: its words.
        mark: its origin.
        counts: the photo's 80 counts.
        about: 80 flags of the categories that it asks for and that are present; of all that are present if counts
            cannot answer it.
    """

    words: tuple[str, ...]
    mark: Mark
    counts: NDArray[np.float32]
    about: NDArray[np.bool_]


def load_training_questions(data: Path) -> dict[Split, list[AskedQuestion]]:
    """The count questions of COCO-QA and of the VQA v2 subset in ``data``/vqa; each photo is in one split only.

    Photos recur across the splits of the files. ``test`` has the photos of both test files and the odd-numbered
    photos of the VQA v2 subset's valid file, ``valid`` has the even-numbered ones, and ``train`` has all others.

    Raises:
        DataError: a file is missing or malformed.
    """
    counting = [
        (split, AskedQuestion(each.image, each.text, mark))
        for split, mark, questions in _files(data)
        for each in questions
        if count_qa(each)
    ]
    valid = {each.image for split, each in counting if split == "valid"}
    test = {each.image for split, each in counting if split == "test"}
    test |= {image for image in valid if int(image) % 2}
    splits: dict[Split, list[AskedQuestion]] = {"train": [], "valid": [], "test": []}
    for _, each in counting:
        held_out: Split = "test" if each.image in test else "valid"
        splits[held_out if each.image in test | valid else "train"].append(each)
    return splits


def load_other_questions(data: Path, held_out: Set[str]) -> list[AskedQuestion]:
    """All questions of the train files that do not begin with "how many", except about ``held_out`` photos.

    Raises:
        DataError: a file is missing or malformed.
    """
    return [
        AskedQuestion(each.image, each.text, mark)
        for split, mark, questions in _files(data)
        for each in questions
        if split == "train" and each.image not in held_out and not _how_many(question_words(each.text))
    ]


def _files(data: Path) -> Iterator[tuple[Split, Mark, list[Question]]]:
    folder = data / "vqa" / "vqa2_subset"
    splits: tuple[Split, ...] = ("train", "valid", "test")
    for split in splits:
        questions, annotations = (folder / f"{what}_{split}.json" for what in ("questions", "annotations"))
        yield split, Mark.PEOPLE, load_vqa(questions, annotations)
    for split in ("train", "test"):
        yield split, Mark.CAPTIONS, load_cocoqa(data / "vqa" / "cocoqa" / split)


def _how_many(words: Sequence[str]) -> bool:
    return tuple(words[:2]) == BEGINNING


def load_counts(data: Path) -> dict[str, NDArray[np.float32]]:
    """Photo → its 80 true counts, for all of COCO 2014, from ``data``/ceos/coco2014_counts.npz.

    Raises:
        DataError: the file is missing or malformed.
    """
    counts: dict[str, NDArray[np.float32]] = {}
    for split in ("train", "val", "test"):
        table = read_table(f"{data / 'ceos' / 'coco2014_counts.npz'}:{split}")
        counts |= zip(table.images, table.counts.astype(np.float32), strict=True)
    return counts


def lessons(questions: Iterable[AskedQuestion], counts: Mapping[str, NDArray[np.float32]]) -> list[Lesson]:
    """The questions that counts can answer, about objects that are present, and that are not too long."""
    parser = QuestionParser(COCO_CATEGORIES)
    found = []
    for question in questions:
        words = tuple(question_words(question.text))
        there = about(parser(question.text), counts[question.image], COCO_CATEGORIES)
        if there.any() and _how_many(words) and len(words) <= MAX_WORDS:
            found.append(Lesson(words, question.mark, counts[question.image], there))
    return found


def other_lessons(questions: Iterable[AskedQuestion], counts: Mapping[str, NDArray[np.float32]]) -> list[Lesson]:
    """The questions that are not too long, each about all categories that are present."""
    asked = [(tuple(question_words(each.text)), each.mark, counts[each.image]) for each in questions]
    return [Lesson(words, mark, seen, seen >= 0.5) for words, mark, seen in asked if len(words) <= MAX_WORDS]


def about(reading: Reading, counts: NDArray[np.floating], categories: Sequence[str]) -> NDArray[np.bool_]:
    """K flags of the ``categories`` that the question asks for and the photo has; all false if it is refused."""
    there = np.zeros(len(categories), dtype=np.bool_)
    if reading.refusal is None:
        counted = reading.counted(dict(zip(categories, counts.tolist(), strict=True)))
        there[[categories.index(name) for name in counted]] = True
    return there & (counts >= 0.5)
