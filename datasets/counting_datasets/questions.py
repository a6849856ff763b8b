"""Questions about photos: VQA v1 and v2, COCO-QA and TallyQA, as one record, and which of them ask for a count."""

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
"""The greatest answer in HowMany-QA."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a photo.

    Attributes:
        id: its number in the data set; in COCO-QA, which has none, its line from 1.
        image: the COCO number of its photo; for a photo of Visual Genome its folder and name without the ending.
        text: the question, as written.
        answer: the number that the data set takes as right; None where it gives another answer or none.
        annotators: the answers of VQA's annotators (ten), as written; empty elsewhere.
        simple: whether TallyQA calls it simple; None where nobody says.
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
        DataError: a file is missing or malformed, or has answers of its own and ``annotations`` too.
    """
    vqa = not path.is_dir() and (annotations is not None or _has_key(path, "questions"))
    if vqa:
        return load_vqa(path, annotations)
    if annotations is not None:
        raise DataError(f"{path}: a COCO-QA folder has its answers in it; leave {annotations} out")
    return load_cocoqa(path) if path.is_dir() else load_tallyqa(path)


def _has_key(path: Path, key: str) -> bool:
    content = read_json(path)
    return isinstance(content, dict) and key in content


def load_vqa(questions: Path, annotations: Path | None = None) -> list[Question]:
    """The questions of a VQA v1 or v2 file, in its order, with the answers of its annotations file.

    Without ``annotations`` (VQA publishes none for test) no question has an answer.

    Raises:
        DataError: a file is missing or malformed, or a question lacks its annotation.
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
            raise DataError(f"{annotations}: no annotation of question {number}, which {questions.name} asks")
        else:
            found.append(Question(number, image, text, *answers[number]))
    return _unique(questions, found)


def _vqa_answers(path: Path) -> dict[int, tuple[int | None, tuple[str, ...]]]:
    """Question id → the number most annotators gave, and the answers of all."""
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
    """The questions of a COCO-QA split, in its order: questions, answers, types and img_ids, one a line.

    Raises:
        DataError: a file is missing, or they do not agree line by line.
    """
    lines = {name: _lines(folder / f"{name}.txt") for name in _COCOQA_FILES}
    asked = len(lines["questions"])
    for name, given in lines.items():
        if len(given) != asked:
            raise DataError(f"{folder / name}.txt: {len(given)} lines, but questions.txt has {asked}")
    found = []
    columns = zip(*(lines[name] for name in _COCOQA_FILES), strict=True)
    for number, (text, answer, image, kind) in enumerate(columns, start=1):
        if not (image.isascii() and image.isdigit()):
            raise DataError(f"{folder / 'img_ids.txt'}: line {number} is {image!r}, should be an image's number")
        if kind not in ("0", "1", "2", "3"):
            raise DataError(f"{folder / 'types.txt'}: line {number} is {kind!r}, should be 0, 1, 2 or 3")
        found.append(Question(number, image, text, numeric_answer(answer)))
    return found


def load_tallyqa(path: Path) -> list[Question]:
    """The questions of a TallyQA file, in its order. Its photos come from COCO and from Visual Genome.

    Raises:
        DataError: the file is missing or malformed.
    """
    found = []
    for row in _rows(path):
        number, text = _integer(path, row, "question_id"), _text(path, row, "question")
        file = PurePosixPath(nfc(_text(path, row, "image")).replace("\\", "/"))
        # Visual Genome numbers its photos too, so a number alone would be another photo's
        if file.name in ("", ".."):
            raise DataError(f"{path}: question {number} has image {row['image']!r}, should be a photo's file")
        in_coco = file.stem.startswith("COCO_")
        image = str(_integer(path, row, "image_id")) if in_coco else file.with_suffix("").as_posix()
        simple = row.get("issimple")
        if simple is not None and not isinstance(simple, bool):
            raise DataError(f"{path}: question {number} has issimple {simple!r}, should be true or false")
        found.append(Question(number, image, text, _integer(path, row, "answer"), simple=simple))
    return _unique(path, found)


def count_qa(question: Question) -> bool:
    """Whether it starts with "how many" and its answer is a number. (Count-QA: CEOS, section 5.)"""
    return question.answer is not None and question.text.strip().lower().startswith("how many")


def howmany_qa(question: Question) -> bool:
    """Whether it asks "how many", "number of", "amount of" or "count of", and its answer is from 0 to 20.

    "number of the …" is left out, since it mostly asks for a number that is written somewhere. (HowMany-QA:
    Trott et al., "Interpretable Counting for Visual Question Answering", ICLR 2018.)
    """
    text = question.text.lower()
    asks = _PHRASE.search(text) is not None and "number of the" not in text
    return asks and question.answer is not None and 0 <= question.answer <= HOWMANY_QA_LARGEST


FILTERS: Mapping[str, Callable[[Question], bool]] = {"count-qa": count_qa, "howmany-qa": howmany_qa}
"""The published selections of count questions, by name."""


def _rows(path: Path, key: str | None = None) -> list[_Row]:
    """The list of objects under ``key`` of a JSON file, or that is the file."""
    content = read_json(path)
    rows = content.get(key) if key is not None and isinstance(content, dict) else content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: should hold a list of {key or 'questions'}, an object each")
    return rows


def _lines(path: Path) -> list[str]:
    text = read_text(path)
    # not splitlines, which also ends lines at characters that a question may hold
    return text.removesuffix("\n").split("\n") if text else []


def _integer(path: Path, row: _Row, key: str) -> int:
    value = row.get(key)
    if isinstance(value, float) and value.is_integer():
        return _integer(path, row | {key: int(value)}, key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DataError(f"{path}: {_which(row)} has {key} {value!r}, should be a whole number from 0")
    return value


def _text(path: Path, row: _Row, key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise DataError(f"{path}: {_which(row)} has {key} {value!r}, should be text")
    return value


def _which(row: _Row) -> str:
    return f"question {row['question_id']!r}" if "question_id" in row else f"a row {str(row)[:60]!r}"


def _unique(path: Path, questions: Iterable[Question]) -> list[Question]:
    found: dict[int, Question] = {}
    for question in questions:
        if question.id in found:
            raise DataError(f"{path}: duplicate question id {question.id}")
        found[question.id] = question
    return list(found.values())
