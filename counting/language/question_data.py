"""What a question generator learns from and is measured on: "how many …?" and the counts of the photos."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counting.language.question_generator import BEGINNING
from counting.language.question_vocabulary import Mark, question_words
from counting.table_files import read_table
from counting.vqa.parser import QuestionParser
from counting.vqa.reading import Reading
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.questions import Question, count_qa, load_cocoqa, load_vqa

Split = Literal["train", "valid", "test"]

LONGEST = 15
"""Words in a question; the few longer ones are captions turned into questions."""


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A count question, the number of its COCO photo, and who asks it."""

    image: str
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question to learn: its words, the photo's 80 counts, and which categories answer it and are there (80)."""

    words: tuple[str, ...]
    mark: Mark
    counts: NDArray[np.float32]
    about: NDArray[np.bool_]


def load_questions(data: Path) -> dict[Split, list[AskedQuestion]]:
    """The count questions of COCO-QA and the VQA v2 subset in DATA/vqa, by photo: none is in two splits.

    Photos recur between the files' own splits. ``test`` has the photos of both test files, and of the VQA v2
    subset's valid file those with an odd number; ``valid`` has the even ones; ``train`` all the rest.

    Raises:
        DataError: a file is missing or malformed.
    """
    people: dict[str, list[AskedQuestion]] = {}
    folder = data / "vqa" / "vqa2_subset"
    for split in ("train", "valid", "test"):
        loaded = load_vqa(folder / f"questions_{split}.json", folder / f"annotations_{split}.json")
        people[split] = _asked(loaded, Mark.PEOPLE)
    captions = {
        split: _asked(load_cocoqa(data / "vqa" / "cocoqa" / split), Mark.CAPTIONS) for split in ("train", "test")
    }
    odd = {question.image for question in people["valid"] if int(question.image) % 2}
    test = odd | {question.image for question in (*people["test"], *captions["test"])}
    valid = {question.image for question in people["valid"]} - test
    splits: dict[Split, list[AskedQuestion]] = {"train": [], "valid": [], "test": []}
    for questions in (*people.values(), *captions.values()):
        for question in questions:
            held_out: Split = "test" if question.image in test else "valid"
            splits[held_out if question.image in test | valid else "train"].append(question)
    return splits


def _asked(questions: Iterable[Question], mark: Mark) -> list[AskedQuestion]:
    return [AskedQuestion(each.image, each.text, mark) for each in questions if count_qa(each)]


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
        if there.any() and words[:2] == BEGINNING and len(words) <= LONGEST:
            found.append(Lesson(words, question.mark, counts[question.image], there))
    return found


def about(reading: Reading, counts: NDArray[np.floating], categories: Sequence[str]) -> NDArray[np.bool_]:
    """Which of K ``categories``, with K ``counts``, the question asks for and the photo has; none if refused."""
    there = np.zeros(len(categories), dtype=np.bool_)
    if reading.refusal is None:
        counted = reading.counted(dict(zip(categories, counts.tolist(), strict=True)))
        there[[categories.index(name) for name in counted]] = True
    return there & (counts >= 0.5)
