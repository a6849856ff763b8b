"""Questions that name a thing but ask for more than its count can tell."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, pairwise, takewhile

from counting.questions.parsing.grammar import is_verb, names_someone
from counting.questions.parsing.reading import Refusal
from counting.questions.parsing.vocabulary import WORD, Vocabulary, words
from counting.utils.inflection import all_forms, is_plural

_WORDS = words()["out-of-reach"]
_COLOURS = frozenset(_WORDS["colours"])
_PROPERTIES = frozenset(_WORDS["properties"])
_PROPERTIES_BEFORE = frozenset(_WORDS["properties-before"])
_PARTICIPLES = frozenset(_WORDS["participles"])
_LOOKS = frozenset(_WORDS["looks-participles"])
_POSSESSIONS = frozenset(_WORDS["possessions"])
_PREDICATES = _PROPERTIES | frozenset(_WORDS["predicates"])
_ADVERBS = frozenset(_WORDS["adverbs"])
_NEGATIONS = frozenset(_WORDS["negations"])
_EXCLUSION = re.compile(
    rf"\b(?:{'|'.join(_WORDS['exclusions'])}|(?<!ing )besides"
    r"|but (?:the|a|an|this|that|these|those|one|two|for|him|her|me))\b(?! (?:each other|one another))"
)
_CAPACITIES = frozenset(_WORDS["capacities"])
_SORTS = all_forms(_WORDS["sorts"])
_KINDS = _SORTS | all_forms(_WORDS["looks"])
_GROUPS = all_forms(_WORDS["groups"])
_RELATIVE = frozenset({"that", "which", "who"})
_SUBORDINATE = frozenset({"whose", "when", "while", "where", "because", "as", "before", "after", "until"})
_ARTICLES = frozenset({"the", "a", "an", "this", "that"})
_BEFORE_A_NOUN = _ARTICLES | frozenset(words()["grammar"]["before-nouns"])
_PRONOUNS = frozenset({"i", "you", "he", "she", "it", "we", "they"})
_PLACES = frozenset(words()["grammar"]["prepositions"])
_NO_SUBJECT = _PLACES | _PRONOUNS | _BEFORE_A_NOUN
_BE = frozenset({"is", "are", "was", "were"})
_SOME_OF_THEM = frozenset({"one", "two", "three", "four", "five", "another", "others", "some", "other"})
_SINGULAR = frozenset({"is", "was", "has"})
_MODALS = frozenset({"can", "could", "will", "would", "should", "may", "might", "do", "does", "did"})
_ABOUT_WHAT_COULD_BE = _MODALS - {"did"}
_VERB_WITHIN = 4
"""Number of words after "can" in which its verb is looked for: "can the small boat hold"."""
_SAID_WITHIN = 3
"""Number of words after "are" in which a colour is looked for: "are all light brown"."""
_WORD = re.compile(WORD)
_COMMON = frozenset(words()["grammar"]["ends"]) | frozenset(words()["grammar"]["english"])
_ABROAD = frozenset(words()["grammar"]["how-many-elsewhere"])


def is_english(question: str) -> bool:
    """Whether a text looks like English: Latin letters, and in a sentence a common English word.

    A text of one or two words counts as English, unless one of them is "how many" in another language.
    """
    found = _WORD.findall(question.lower())
    letters = "".join(filter(str.isalpha, "".join(found)))
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    if 2 * latin < len(letters) or not _ABROAD.isdisjoint(found):
        return False
    return len(found) < 3 or not _COMMON.isdisjoint(found)


def of_kinds_or_groups(noun: str, before_of: bool) -> Refusal | None:
    """Whether the noun counts kinds ("breeds") or groups ("herds of …") rather than things."""
    if noun in _KINDS:
        return "kinds"
    return "groups" if before_of and is_group(noun) else None


def is_sort(noun: str) -> bool:
    """Whether the noun, such as "species", stands for kinds of things rather than looks or makes."""
    return noun in _SORTS


def is_group(noun: str) -> bool:
    """Whether the noun, such as "herds" or "plates", stands for several things or for what it holds."""
    return noun in _GROUPS


def excludes(question: str) -> bool:
    """Whether a question excludes some of the things: "animals besides the dog", "Apart from the dog, …"."""
    return _EXCLUSION.search(" ".join(_WORD.findall(question.lower()))) is not None


def out_of_reach(modifiers: Sequence[str], after: Sequence[str], vocabulary: Vocabulary) -> Refusal | None:
    """Why a count by category does not answer a question with these words before and after the noun, if so."""
    limited = not (_PROPERTIES_BEFORE.isdisjoint(modifiers) and _NEGATIONS.isdisjoint(after))
    if limited or after[:1] == ["but"]:
        return "property"
    if after and after[0] in _RELATIVE:
        after = after[1:]
    predicates = list(_predicates(after, vocabulary))
    if any(_is_a_property(predicate) for predicate in predicates):
        return "property"
    if after and after[0] in _ABOUT_WHAT_COULD_BE and _asks_what_could_be(after[: 1 + _VERB_WITHIN]):
        return "capacity"
    worn = [word for before, word in pairwise(after) if before == "in"]
    said = [word for predicate in predicates if predicate.after_be for word in _said(predicate.words)]
    parts = (part for word in (*modifiers, *said, *worn) for part in re.split("[-']", word))
    return "colour" if any(part in _COLOURS for part in parts) else None


@dataclass(frozen=True, slots=True)
class _Predicate:
    """Something that a question says about the things counted."""

    words: Sequence[str]
    after_be: bool = False


def _predicates(after: Sequence[str], vocabulary: Vocabulary) -> Iterator[_Predicate]:
    """All that the words ``after`` a noun say about it: "wearing hats" in "in the picture wearing hats".

    What is said of another noun is left out: "near the boat which is red", "two are black", "does the bench have".
    """
    if after and after[0] not in _BE:
        yield _Predicate(after)
    acts = bool(after) and _is_an_action(after[0])
    other: str | None = None  # the noun of a relative clause whose verb has not come yet
    subordinate = False  # in a clause such as "while the window is open" whose verb has not come yet
    asked_of_another = _begins_another_subject(after)
    for place, word in enumerate(after):
        before, rest = after[place - 1] if place else "", after[place + 1 :]
        if word in _SUBORDINATE:
            subordinate = True
        elif place and word in _RELATIVE and before not in _BEFORE_A_NOUN:
            other = before
        elif word in _MODALS:
            asked_of_another = True
        elif word in _BE or (word in _POSSESSIONS and place and before not in _NO_SUBJECT):
            of_other = subordinate or (other is not None and is_plural(other) != (word in _SINGULAR))
            other, subordinate = None, False
            if word in _BE and before not in _SOME_OF_THEM and not of_other:
                yield _Predicate(rest, after_be=True)
                acts = acts or (bool(rest) and _is_an_action(rest[0]))
                asked_of_another = _begins_another_subject(rest)
            elif word not in _BE and not of_other and not asked_of_another:
                yield _Predicate(after[place:])
        elif word in _LOOKS or (word in _PARTICIPLES and not acts):
            of_another = asked_of_another or before in _BE or before in _BEFORE_A_NOUN
            if place and not of_another and not names_someone(before, vocabulary):
                yield _Predicate(after[place:])
        elif before in ("and", "or") and word in _PREDICATES and place > 1 and after[place - 2] in _PREDICATES:
            yield _Predicate(after[place:])


def _begins_another_subject(words: Sequence[str]) -> bool:
    """Whether another subject follows: "kites is the man holding", "balls does he have"."""
    return bool(words) and (words[0] in _BEFORE_A_NOUN or words[0] in _PRONOUNS)


def _is_an_action(word: str) -> bool:
    """Whether a verb such as "standing" begins a predicate, which is assumed to be true of all things counted."""
    return word not in _PREDICATES and word not in _ADVERBS and is_verb(word)


def _is_a_property(predicate: _Predicate) -> bool:
    words = list(dropwhile(_ADVERBS.__contains__, predicate.words))
    if not words:
        return False
    if predicate.after_be and words[0] in ("on", "off") and _ADVERBS.issuperset(words[1:]):
        return True  # "are on": turned on
    if words[:2] == ["with", "no"]:
        return True
    return words[0] in (_PREDICATES if predicate.after_be else _PROPERTIES | _POSSESSIONS)


def _said(words: Sequence[str]) -> list[str]:
    """The first words of a predicate, up to a phrase of place."""
    return list(takewhile(lambda word: word not in _PLACES, words[:_SAID_WITHIN]))


def _asks_what_could_be(words: Sequence[str]) -> bool:
    """Whether a verb of capacity follows the first of the words: "can the boat hold", not "does the park have"."""
    return any(word in _CAPACITIES and before not in _ARTICLES for before, word in pairwise(words))
