"""What a question generator learns from and is measured on: questions and the counts of the photos."""

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
    """A count question, the number of its COCO photo, and who asks it."""

    image: str
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question to learn: its words, the photo's 80 counts, and which categories answer it and are there (80).

    A question that no count answers is ``about`` all that is there.
    """

    words: tuple[str, ...]
    mark: Mark
    counts: NDArray[np.float32]
    about: NDArray[np.bool_]


def load_training_questions(data: Path) -> dict[Split, list[AskedQuestion]]:
    """The count questions of COCO-QA and the VQA v2 subset in DATA/vqa, by photo: none is in two splits.

    Photos recur between the files' own splits. ``test`` has the photos of both test files, and of the VQA v2
    subset's valid file those with an odd number; ``valid`` has the even ones; ``train`` all the rest.

    Raises:
        DataError: a file is missing or malformed.
    """
    counting = [
        (split, AskedQuestion(each.image, each.text, mark))
        for split, mark, questions in _files(data)
        for each in questions
        if count_qa(each)
    ]
    kept_back = {each.image for split, each in counting if split == "valid"}
    test = {each.image for split, each in counting if split == "test"}
    test |= {image for image in kept_back if int(image) % 2}
    splits: dict[Split, list[AskedQuestion]] = {"train": [], "valid": [], "test": []}
    for _, each in counting:
        held_out: Split = "test" if each.image in test else "valid"
        splits[held_out if each.image in test | kept_back else "train"].append(each)
    return splits


def load_other_questions(data: Path, held_out: Set[str]) -> list[AskedQuestion]:
    """All that does not begin with "how many" in the train files, of photos not ``held_out``.

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
    """Photo → its 80 true counts, of all of COCO 2014, from DATA/ceos/coco2014_counts.npz.

    Raises:
        DataError: the file is missing or malformed.
    """
    counts: dict[str, NDArray[np.float32]] = {}
    for split in ("train", "val", "test"):
        table = read_table(f"{data / 'ceos' / 'coco2014_counts.npz'}:{split}")
        counts |= zip(table.images, table.counts.astype(np.float32), strict=True)
    return counts


def lessons(questions: Iterable[AskedQuestion], counts: Mapping[str, NDArray[np.float32]]) -> list[Lesson]:
    """Those worth learning: that counts can answer, of things that are there, and not too long."""
    parser = QuestionParser(COCO_CATEGORIES)
    found = []
    for question in questions:
        words = tuple(question_words(question.text))
        there = about(parser(question.text), counts[question.image], COCO_CATEGORIES)
        if there.any() and _how_many(words) and len(words) <= MAX_WORDS:
            found.append(Lesson(words, question.mark, counts[question.image], there))
    return found


def other_lessons(questions: Iterable[AskedQuestion], counts: Mapping[str, NDArray[np.float32]]) -> list[Lesson]:
    """Those that are not too long, each about all that is there."""
    asked = [(tuple(question_words(each.text)), each.mark, counts[each.image]) for each in questions]
    return [Lesson(words, mark, seen, seen >= 0.5) for words, mark, seen in asked if len(words) <= MAX_WORDS]


def about(reading: Reading, counts: NDArray[np.floating], categories: Sequence[str]) -> NDArray[np.bool_]:
    """Which of K ``categories``, with K ``counts``, the question asks for and the photo has; none if refused."""
    there = np.zeros(len(categories), dtype=np.bool_)
    if reading.refusal is None:
        counted = reading.counted(dict(zip(categories, counts.tolist(), strict=True)))
        there[[categories.index(name) for name in counted]] = True
    return there & (counts >= 0.5)
