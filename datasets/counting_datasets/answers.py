"""Answers to "how many …?": parsing them as numbers, and VQA accuracy."""

import re
from collections.abc import Sequence

from counting_datasets.errors import CountingError

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: value for value, word in enumerate(_ONES)} | {
    word: 10 * (place + 2) for place, word in enumerate(_TENS)
}
_SCALES = {"hundred": 100, "thousand": 1000}
_PHRASES = {
    "none": 0, "no": 0, "nothing": 0, "nobody": 0, "no one": 0, "couple": 2, "pair": 2, "half dozen": 6,
    "half a dozen": 6, "dozen": 12, "hundred": 100, "thousand": 1000,
}  # fmt: skip
_DIGITS = re.compile(r"(\d{1,9}|\d{1,3}(,\d{3}){1,2})(\.0*)?", flags=re.ASCII)
_HYPHEN = re.compile(r"(?<=[a-z])-(?=[a-z])")
_ARTICLE = re.compile(r"^(a|an) ")

# Normalization of answers in the official VQA evaluation (``VQAEval``, ICCV 2015), except contractions
_VQA_PUNCTUATION = (*';/[]"{}()=+\\_-><@`,?!',)
_VQA_THOUSANDS = re.compile(r"\d,\d", flags=re.ASCII)
_VQA_FULL_STOP = re.compile(r"\.(?!\d)", flags=re.ASCII)
_VQA_NUMBERS = {"none": "0"} | {word: str(value) for value, word in enumerate(_ONES[:11])}
_VQA_ARTICLES = frozenset({"a", "an", "the"})


def numeric_answer(answer: str) -> int | None:
    """Parse an answer as a whole number: "three", "3", "3.0", "twenty-one", "a couple", "none" (0).

    Returns None for any other answer: "many", "1 or 2", "2.5", "7 elephants".
    """
    text = " ".join(_HYPHEN.sub(" ", answer.lower()).split()).rstrip(".")
    if _DIGITS.fullmatch(text):
        return int(text.replace(",", "").partition(".")[0])
    text = _ARTICLE.sub("", text)
    return _PHRASES[text] if text in _PHRASES else _parse_number_words(text.split())


def _parse_number_words(words: Sequence[str]) -> int | None:
    """The number from 0 to 999,999 that ``words`` spell, or None."""
    total = current = 0
    previous = 10**6
    for word in words:
        if word == "and" and previous in _SCALES.values():
            continue
        if word in _SCALES and 0 < current < _SCALES[word]:
            scale = _SCALES[word]
            total, current = (total + current * scale, 0) if scale == 1000 else (total, current * scale)
            previous = scale
            continue
        # "twenty one" is a number; "one twenty" and "twenty eleven" are not
        value = _SMALL.get(word)
        if value is None or not (previous >= 100 or (previous >= 20 and 0 < value < 10)):
            return None
        current, previous = current + value, value
    return total + current if words else None


def vqa_accuracy(answer: str | int, annotators: Sequence[str]) -> float:
    """min(number of annotators who agree / 3, 1), averaged over all subsets without one annotator (0–1).

    Answers are normalized as in the official evaluation where annotators disagree: each punctuation mark becomes
    a space ("twenty-one", "1/2"), or is removed if it is next to a space ("2 -") or if the answer has a comma
    between digits ("1,000"); other symbols are kept ("5%", "$5"); articles are removed; "none" and the words for
    0 to 10 become digits. (Antol et al., "VQA", ICCV 2015, section 3.)

    Raises:
        CountingError: fewer than two annotators.
    """
    n = len(annotators)
    if n < 2:
        raise CountingError(f"VQA accuracy needs the answers of at least two annotators, not {n}")
    normalized = _normalize(str(answer))
    agree = sum(_normalize(other) == normalized for other in annotators)
    without_one_that_agrees = min((agree - 1) / 3, 1.0) if agree else 0.0
    return (agree * without_one_that_agrees + (n - agree) * min(agree / 3, 1.0)) / n


def _normalize(answer: str) -> str:
    text = answer.replace("\n", " ").replace("\t", " ").strip()
    has_thousands = _VQA_THOUSANDS.search(text) is not None
    cleaned = text
    for mark in _VQA_PUNCTUATION:
        next_to_space = f"{mark} " in text or f" {mark}" in text
        cleaned = cleaned.replace(mark, "" if next_to_space or has_thousands else " ")
    words = _VQA_FULL_STOP.sub("", cleaned).lower().split()
    return " ".join(number for word in words if (number := _VQA_NUMBERS.get(word, word)) not in _VQA_ARTICLES)
