"""What each of the people counted has: the horses of "people riding horses"."""

from collections.abc import Sequence

from counting.questions.noun_phrase import find_noun_phrase
from counting.questions.vocabulary import Meaning, Vocabulary, words
from counting_datasets.categories import canonical

_WORDS = words()["gear-behind"]
_BEFORE = frozenset(_WORDS["before"])
_ONE_EACH = frozenset(map(canonical, _WORDS["one-each"]))
_PEOPLE = frozenset(map(canonical, words()["super-categories"]["people"]["members"]))


def gear_of(meaning: Meaning, after: Sequence[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """The categories of which each thing counted has one, by its name ("surfers") or the words ``after`` it."""
    if meaning.gear or not meaning.categories or not _PEOPLE.issuperset(map(canonical, meaning.categories)):
        return meaning.gear
    for place, word in enumerate(after):
        if word in _WORDS["told"]:
            return vocabulary.known(_WORDS["told"][word])
        if word in _BEFORE:
            found = find_noun_phrase(after, place + 1, vocabulary).meaning
            gear = found.categories + found.otherwise if found else ()
            if gear and _ONE_EACH.issuperset(map(canonical, gear)):
                return gear
    return ()
