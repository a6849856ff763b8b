"""The parser, from "how many …?" to the categories whose counts answer it."""

import re
from collections.abc import Sequence
from functools import cache

from counting.questions.parsing.grammar import (
    NounPhrase,
    counts_what_follows,
    find_noun_phrase,
    gear_of,
    held,
    is_measure,
    joined,
    measured,
)
from counting.questions.parsing.reading import Reading, Refusal
from counting.questions.parsing.refusals import (
    excludes,
    is_english,
    is_group,
    is_sort,
    of_kinds_or_groups,
    out_of_reach,
)
from counting.questions.parsing.similarity import WordSimilarity
from counting.questions.parsing.vocabulary import NO_CATEGORY, WORD, Meaning, Vocabulary
from counting.utils.inflection import singular
from counting_datasets.errors import CountingError

MAX_CHARACTERS = 1000
"""Largest number of characters in a question."""
THRESHOLD = 0.8
"""Smallest cosine at which a similar word replaces an unknown one, fitted by ``fit_threshold``."""

_ASKED = re.compile(r"\b(?:how\s+many|(?:number(?!\s+of\s+the\b)|amount|count)\s+of)\b([^?]*)", re.IGNORECASE)
# "elephants' trunks" keeps its apostrophe, so that elephants are not counted
_TOKEN = re.compile(WORD + r"(?:(?<=s)'(?=\s+(?!(?:are|is|were|in|on|can|do)\b)\w))?")
_COMMA_AND = re.compile(r"\s*,\s*(and|or)\b")
_COMMA_LAST = re.compile(r"\s*,\s*((?:[\w'-]+\s+){1,3}(?:and|or)\b)")
_HOW_MANY = re.compile(r"\bhow\s+many\b", re.IGNORECASE)
_THAN = re.compile(r"^\s*more\b.*\bthan\b")
# "how many zebra's are there" is a plural; "zebra's legs" is not
_PLURAL_APOSTROPHE = re.compile(r"'s(?=\s*$|\s+(?:are|is|were|in|on|can|do)\b)")


class QuestionParser:
    """Parses questions for a counter of ``categories``, which may be COCO's, VOC's or the user's own.

    Nouns are looked up in the tables of ``words.toml``. An unknown noun is replaced by the known word with the
    nearest vector, if their cosine is at least ``threshold``.
    """

    def __init__(self, categories: Sequence[str], threshold: float = THRESHOLD) -> None:
        self._vocabulary = Vocabulary(categories)
        self._similarity = WordSimilarity(self._vocabulary.nouns)
        self._threshold = threshold

    def __call__(self, question: str) -> Reading:
        """The categories that the question asks for, or why it cannot be answered."""
        if not question.strip():
            return Reading(question, refusal="empty")
        if len(question) > MAX_CHARACTERS:
            return Reading(question[:MAX_CHARACTERS], refusal="too long")
        asked = _ASKED.search(question)
        if asked is None:
            return Reading(question, refusal="no count question" if is_english(question) else "another language")
        if _HOW_MANY.search(question, asked.start(1)):
            return Reading(question, refusal="several counts")
        rest = asked[1].lower().replace("’", "'")
        if _THAN.search(rest):
            return Reading(question, refusal="difference")
        return self._read(question, _TOKEN.findall(_PLURAL_APOSTROPHE.sub("s", _without_commas(rest))))

    def _read(self, question: str, tokens: list[str]) -> Reading:
        """Parse a question whose words after "how many" are ``tokens``."""
        phrase = find_noun_phrase(tokens, 0, self._vocabulary)
        start, first, end, noun = phrase.start, phrase.noun, phrase.end, _text(tokens, phrase)
        if not noun:
            return Reading(question, refusal="no noun")
        refusal = None
        # a counter of boxes counts "boxes of apples"
        if phrase.meaning is None or phrase.meaning.how not in ("exact", "plural"):
            refusal = of_kinds_or_groups(noun, before_of=tokens[phrase.end : phrase.end + 1] == ["of"])
            if refusal is None and phrase.meaning is None and counts_what_follows(tokens, phrase):
                refusal = "groups"
            phrase, refusal = self._inside(tokens, phrase, refusal)
        meaning, similar = self._meaning(_text(tokens, phrase), phrase.meaning)
        if refusal is None:
            first = phrase.noun
        while meaning.categories and (other := joined(tokens, phrase, self._vocabulary)):
            phrase, meaning = other, _sum(meaning, other.meaning or NO_CATEGORY)
        end = max(end, phrase.end)
        modifiers, after = tokens[start:first], tokens[end:]
        if "other" in tokens[:start]:
            modifiers = ["other", *modifiers]
        if refusal is None:
            refusal = self._out_of_reach(question, tokens[:first], after) if meaning.categories else "no category"
        return Reading(
            question=question,
            noun=" ".join(tokens[first:end]),
            modifiers=tuple(modifiers),
            condition=" ".join(after),
            categories=meaning.categories,
            otherwise=meaning.otherwise,
            gear=gear_of(meaning, after, self._vocabulary),
            how=meaning.how if meaning.categories else None,
            similar=similar,
            refusal=refusal,
        )

    def _out_of_reach(self, question: str, before: list[str], after: list[str]) -> Refusal | None:
        if "other" in before or excludes(question):
            return "property"
        return out_of_reach(before, after, self._vocabulary)

    def _inside(
        self, tokens: list[str], phrase: NounPhrase, refusal: Refusal | None
    ) -> tuple[NounPhrase, Refusal | None]:
        """What is measured ("pieces of pizza"), held or shown ("plates with pizza"), instead of the noun itself.

        A question about what is only held or shown is refused.
        """
        noun = _text(tokens, phrase)
        of = measured(tokens, phrase, self._vocabulary) if refusal is not None or is_measure(noun) else None
        if of is not None:
            return of, refusal
        holds = is_measure(noun) or is_group(noun) or is_sort(noun)
        inside = held(tokens, phrase, self._vocabulary) if holds else None
        return (phrase, refusal) if inside is None else (inside, refusal or "groups")

    def _meaning(self, noun: str, known: Meaning | None) -> tuple[Meaning, tuple[str, float] | None]:
        """The noun's meaning and, if the tables lack the noun, the nearest word that they have."""
        if known is not None:
            return known, None
        similar = self._similarity.nearest(singular(noun))
        meaning = self._vocabulary.meaning(similar[0])
        if meaning is None or similar[1] < self._threshold:
            return NO_CATEGORY, similar
        return Meaning(meaning.categories, "similar"), similar


@cache
def question_parser(categories: tuple[str, ...]) -> QuestionParser:
    """The parser for ``categories``, built once per process."""
    return QuestionParser(categories)


def understood(question: str, categories: Sequence[str]) -> Reading:
    """Parse ``question`` for a counter of ``categories``.

    Raises:
        CountingError: the question cannot be answered by counting, or not by this counter; says why.
    """
    reading = question_parser(tuple(categories))(question)
    if reading.refusal:
        known = f"; this counter knows {', '.join(categories)}" if reading.refusal == "no category" else ""
        raise CountingError(reading.explanation + known)
    return reading


def _without_commas(text: str) -> str:
    """The text with the commas of lists replaced by "and": "dogs, cats and birds" → "dogs and cats and birds"."""
    text = _COMMA_AND.sub(r" \1", text)
    while "," in text and (shorter := _COMMA_LAST.sub(r" and \1", text)) != text:
        text = shorter
    return text


def _text(tokens: Sequence[str], phrase: NounPhrase) -> str:
    return " ".join(tokens[phrase.noun : phrase.end])


def _sum(one: Meaning, other: Meaning) -> Meaning:
    """Meaning of "dogs and cats": the categories of both, if both name some, with ``how`` from the first."""
    if not other.categories:
        return NO_CATEGORY
    return Meaning(tuple(dict.fromkeys(one.categories + other.categories)), one.how)
