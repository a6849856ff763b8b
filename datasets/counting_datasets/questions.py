"""Load questions about photos from VQA v1 and v2, COCO-QA and TallyQA, and select those that ask for a count."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from counting_datasets.answers import numeric_answer
from counting_datasets.errors import DataError
from counting_datasets.text_files import nfc, read_json, read_text

_Row = dict[str, Any]

_PHRASE = re.compile(r"how many|number of|amount of|count of")
_COCOQA_FILES = ("questions", "answers", "img_ids", "types")
HOWMANY_QA_LARGEST = 20
"""Largest answer in HowMany-QA."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a photo.

    Attributes:
        id: its id in the data set; for COCO-QA, which has none, its line number from 1.
        image: the COCO id of its photo; for a Visual Genome photo, its folder and file name without the suffix.
        text: the question, as written.
        answer: the correct number; None if the answer is unknown or not a number.
        annotators: the answers of VQA's ten annotators, as written; empty for other data sets.
        simple: whether TallyQA marks the question as simple; None if it is not marked.
    """

    id: int
    image: str
    text: str
    answer: int | None
    annotators: tuple[str, ...] = ()
    simple: bool | None = None


def load_questions(path: Path, annotations: Path | None = None) -> list[Question]:
    """The questions at ``path``: a COCO-QA folder, a VQA file (with its ``annotations``) or a TallyQA file.

    Raises:
        DataError: a file is missing or malformed, or ``annotations`` are given for a COCO-QA folder.
    """
    vqa = not path.is_dir() and (annotations is not None or _has_key(path, "questions"))
    if vqa:
        return load_vqa(path, annotations)
    if annotations is not None:
        raise DataError(f"{path}: a COCO-QA folder contains its answers; leave {annotations} out")
    return load_cocoqa(path) if path.is_dir() else load_tallyqa(path)


def _has_key(path: Path, key: str) -> bool:
    content = read_json(path)
    return isinstance(content, dict) and key in content


def load_vqa(questions: Path, annotations: Path | None = None) -> list[Question]:
    """The questions of a VQA v1 or v2 file, in its order, with the answers in its annotations file.

    Without ``annotations`` (VQA publishes none for its test split), no question has an answer.

    Raises:
        DataError: a file is missing or malformed, or a question has no annotation.
    """
    rows = _rows(questions, "questions")
    answers = None if annotations is None else _vqa_answers(annotations)
    found = []
    for row in rows:
        number, text = _integer(questions, row, "question_id"), _text(questions, row, "question")
        image = str(_integer(questions, row, "image_id"))
        if answers is None:
            found.append(Question(number, image, text, None))
        elif number not in answers:
            raise DataError(f"{annotations}: no annotation for question {number} of {questions.name}")
        else:
            found.append(Question(number, image, text, *answers[number]))
    return _unique(questions, found)


def _vqa_answers(path: Path) -> dict[int, tuple[int | None, tuple[str, ...]]]:
    """Question id → the most common answer, if it is a number, and the answers of all annotators."""
    answers: dict[int, tuple[int | None, tuple[str, ...]]] = {}
    for row in _rows(path, "annotations"):
        number = _integer(path, row, "question_id")
        if number in answers:
            raise DataError(f"{path}: duplicate question id {number}")
        given = row.get("answers")
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise DataError(f"{path}: question {number} has no list of answers")
        annotators = tuple(_text(path, one, "answer") for one in given)
        answers[number] = numeric_answer(_text(path, row, "multiple_choice_answer")), annotators
    return answers


def load_cocoqa(folder: Path) -> list[Question]:
    """The questions of a COCO-QA folder, in its order.

    The folder holds questions.txt, answers.txt, types.txt and img_ids.txt, each with one line per question.

    Raises:
        DataError: a file is missing, malformed, or of another length than questions.txt.
    """
    lines = {name: _lines(folder / f"{name}.txt") for name in _COCOQA_FILES}
    expected = len(lines["questions"])
    for name, found_lines in lines.items():
        if len(found_lines) != expected:
            raise DataError(f"{folder / name}.txt: {len(found_lines)} lines, but questions.txt has {expected}")
    found = []
    columns = zip(*(lines[name] for name in _COCOQA_FILES), strict=True)
    for number, (text, answer, image, kind) in enumerate(columns, start=1):
        if not (image.isascii() and image.isdigit()):
            raise DataError(f"{folder / 'img_ids.txt'}: line {number} is {image!r}, should be an image id")
        if kind not in ("0", "1", "2", "3"):
            raise DataError(f"{folder / 'types.txt'}: line {number} is {kind!r}, should be 0, 1, 2 or 3")
        found.append(Question(number, image, text, numeric_answer(answer)))
    return found


def load_tallyqa(path: Path) -> list[Question]:
    """The questions of a TallyQA file, in its order; the photos come from COCO and Visual Genome.

    Raises:
        DataError: the file is missing or malformed.
    """
    found = []
    for row in _rows(path):
        number, text = _integer(path, row, "question_id"), _text(path, row, "question")
        file = PurePosixPath(nfc(_text(path, row, "image")).replace("\\", "/"))
        if file.name in ("", ".."):
            raise DataError(f"{path}: question {number} has image {row['image']!r}, should be a photo's file")
        in_coco = file.stem.startswith("COCO_")
        # an id alone would be ambiguous: Visual Genome and COCO use the same numbers for different photos
        image = str(_integer(path, row, "image_id")) if in_coco else file.with_suffix("").as_posix()
        simple = row.get("issimple")
        if simple is not None and not isinstance(simple, bool):
            raise DataError(f"{path}: question {number} has issimple {simple!r}, should be true or false")
        found.append(Question(number, image, text, _integer(path, row, "answer"), simple=simple))
    return _unique(path, found)


def count_qa(question: Question) -> bool:
    """Whether ``question`` starts with "how many" and its answer is a number. (Count-QA: CEOS, section 5.)"""
    return question.answer is not None and question.text.strip().lower().startswith("how many")


def howmany_qa(question: Question) -> bool:
    """Whether ``question`` has "how many", "number of", "amount of" or "count of" and an answer from 0 to 20.

    "number of the …" is excluded, since it usually asks for a number written in the photo. (HowMany-QA: Trott et
    al., "Interpretable Counting for Visual Question Answering", ICLR 2018.)
    """
    text = question.text.lower()
    asks = _PHRASE.search(text) is not None and "number of the" not in text
    return asks and question.answer is not None and 0 <= question.answer <= HOWMANY_QA_LARGEST


FILTERS: Mapping[str, Callable[[Question], bool]] = {"count-qa": count_qa, "howmany-qa": howmany_qa}
"""Published selections of count questions, by name."""


def _rows(path: Path, key: str | None = None) -> list[_Row]:
    """The list of objects under ``key`` in a JSON file; without ``key``, the file itself is the list."""
    content = read_json(path)
    rows = content.get(key) if key is not None and isinstance(content, dict) else content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: should hold a list of {key or 'questions'}, each a JSON object")
    return rows


def _lines(path: Path) -> list[str]:
    text = read_text(path)
    # splitlines would also split at other separators, which a question may contain
    return text.removesuffix("\n").split("\n") if text else []


def _integer(path: Path, row: _Row, key: str) -> int:
    value = row.get(key)
    if isinstance(value, float) and value.is_integer():
        return _integer(path, row | {key: int(value)}, key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DataError(f"{path}: {_described(row)} has {key} {value!r}, should be an integer of at least 0")
    return value


def _text(path: Path, row: _Row, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise DataError(f"{path}: {_described(row)} has {key} {value!r}, should be text")
    return value


def _described(row: _Row) -> str:
    return f"question {row['question_id']!r}" if "question_id" in row else f"row {str(row)[:60]!r}"


def _unique(path: Path, questions: Iterable[Question]) -> list[Question]:
    found: dict[int, Question] = {}
    for question in questions:
        if question.id in found:
            raise DataError(f"{path}: duplicate question id {question.id}")
        found[question.id] = question
    return list(found.values())
