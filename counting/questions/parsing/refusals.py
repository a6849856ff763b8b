"""Questions that name a thing but ask for more than its count can tell."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

from counting.questions.parsing.reading import Refusal
from counting.questions.parsing.vocabulary import WORD, words
from counting.utils.inflection import all_forms

_WORDS = words()["out-of-reach"]
_COLOURS = frozenset(_WORDS["colours"])
_PROPERTIES = frozenset(_WORDS["properties"])
_PROPERTIES_BEFORE = frozenset(_WORDS["properties-before"])
_NEGATIONS = frozenset(_WORDS["negations"])
_RELATIVE = frozenset({"that", "which", "who"})
_CAPACITIES = frozenset(_WORDS["capacities"])
_SORTS = all_forms(_WORDS["sorts"])
_KINDS = _SORTS | all_forms(_WORDS["looks"])
_GROUPS = all_forms(_WORDS["groups"])
_ARTICLES = frozenset({"the", "a", "an", "this", "that"})
_BE = frozenset({"is", "are", "was", "were"})
_MODALS = frozenset({"can", "could", "will", "would", "should", "may", "might", "do", "does"})
_VERB_WITHIN = 4
"""How many words after "can" its verb is looked for: "can the small boat hold"."""
_WORD = re.compile(WORD)
_COMMON = frozenset(words()["grammar"]["ends"]) | frozenset(words()["grammar"]["english"])
_ABROAD = frozenset(words()["grammar"]["how-many-elsewhere"])


def is_english(question: str) -> bool:
    """Whether a text reads as English: Latin letters, and in a sentence some common English word.

    A text of one or two words is taken to be, unless one of them is "how many" in another language.
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


def out_of_reach(modifiers: Sequence[str], after: Sequence[str]) -> Refusal | None:
    """What the words before and after the noun ask for that a count by category does not tell."""
    if after and after[0] in _RELATIVE:
        after = after[1:]
    predicate = after[1:] if after and after[0] in _BE else after
    limited = not (_PROPERTIES_BEFORE.isdisjoint(modifiers) and _NEGATIONS.isdisjoint(after))
    if limited or (predicate and predicate[0] in _PROPERTIES):
        return "property"
    if after and after[0] in _MODALS and _asks_what_could_be(after[: 1 + _VERB_WITHIN]):
        return "capacity"
    said_to_be = predicate[:2] if len(predicate) < len(after) else ()
    worn = [word for before, word in pairwise(after) if before == "in"]
    parts = (part for word in (*modifiers, *said_to_be, *worn) for part in re.split("[-']", word))
    return "colour" if any(part in _COLOURS for part in parts) else None


def _asks_what_could_be(words: Sequence[str]) -> bool:
    """Whether a verb of capacity follows the first of the words: "can the boat hold", not "does the park have"."""
    return any(word in _CAPACITIES and before not in _ARTICLES for before, word in pairwise(words))
