"""The noun phrase that a question counts, what it measures or holds, and the gear of the people counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from counting.questions.parsing.vocabulary import NO_CATEGORY, Meaning, Vocabulary, words
from counting.utils.inflection import all_forms, is_plural, singular
from counting_datasets.categories import canonical

_GRAMMAR = words()["grammar"]
_ENDS = frozenset(_GRAMMAR["ends"])
_SKIPPED = frozenset(_GRAMMAR["skipped"])
_BETWEEN = frozenset(_GRAMMAR["between"])
_OBJECTS = frozenset(_GRAMMAR["objects"])
_HOLDING = frozenset(_GRAMMAR["holding"])
_PLACES = frozenset(_GRAMMAR["places"])
_PARTICLES = frozenset(_GRAMMAR["particles"])
_VERBS = all_forms(_GRAMMAR["verbs"])
_MEASURES = all_forms(words()["measures"]["names"])
_PARTS = all_forms(words()["other-things"]["parts"])
_BEFORE_PARTS = frozenset(_GRAMMAR["before-parts"])
_AUXILIARIES = frozenset({"is", "are", "was", "were", "do", "does", "did", "can", "has", "have", "of"})
_ANIMATE = frozenset(
    name for kind in ("people", "animal") for name in words()["super-categories"][kind]["members"]
)

_GEAR = words()["gear-behind"]
_BEFORE_GEAR = frozenset(_GEAR["before"])
_ONE_EACH = frozenset(map(canonical, _GEAR["one-each"]))
_PEOPLE = frozenset(map(canonical, words()["super-categories"]["people"]["members"]))


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """A noun, ``tokens[noun:end]`` (none if noun == end), and its modifiers, ``tokens[start:noun]``.

    Attributes:
        meaning: the noun's meaning in the vocabulary; None if it is unknown.
    """

    start: int
    noun: int
    end: int
    meaning: Meaning | None


def find_noun_phrase(tokens: Sequence[str], start: int, vocabulary: Vocabulary) -> NounPhrase:
    """The first noun phrase from ``start`` on.

    Its noun is the first word that names a category, or the last of adjacent ones ("computer screens"). If there
    is none, it is another thing in the vocabulary, else the first word that looks like a plural, else the last.
    """
    while start < len(tokens) and (tokens[start] in _SKIPPED or _describes(tokens, start, vocabulary)):
        start += 1
    other: NounPhrase | None = None
    place = start
    while place < len(tokens):
        end, meaning = _longest(tokens, place, vocabulary)
        if meaning is not None:
            found = _compound(tokens, start, place, end, meaning, vocabulary)
            if found.meaning is None or found.meaning.categories or _plural_only(tokens[found.end - 1]):
                return found
            # "light brown dogs": a thing that is no category may only describe the next
            other, place = found, found.end
        elif _ends(tokens, start, place):
            break
        else:
            place += 1
    return other or _unknown(tokens, start, place)


def measured(tokens: Sequence[str], phrase: NounPhrase, vocabulary: Vocabulary) -> NounPhrase | None:
    """The noun phrase after a measure, kind or group and "of", if it names a category: "pieces of pizza"."""
    place = phrase.end
    while place < len(tokens) and tokens[place] in _BETWEEN:
        place += 1
    if tokens[place : place + 1] != ["of"]:
        return None
    found = find_noun_phrase(tokens, place + 1, vocabulary)
    return found if found.meaning is not None and found.meaning.categories else None


def held(tokens: Sequence[str], phrase: NounPhrase, vocabulary: Vocabulary) -> NounPhrase | None:
    """What containers hold or pictures show, if it names a category: "plates with pizza", "pizza boxes"."""
    for place in range(phrase.end, len(tokens)):
        after_place = tokens[place] == "of" and place > phrase.end and tokens[place - 1] in _PLACES
        if tokens[place] in _HOLDING and not after_place:
            found = find_noun_phrase(tokens, place + 1, vocabulary)
            if found.meaning is not None and found.meaning.categories:
                return found
    for place in range(phrase.start, phrase.noun):
        end, meaning = _longest(tokens[: phrase.noun], place, vocabulary)
        if meaning is not None and meaning.categories:
            return NounPhrase(phrase.start, place, end, meaning)
    return None


def joined(tokens: Sequence[str], phrase: NounPhrase, vocabulary: Vocabulary) -> NounPhrase | None:
    """The plural joined to the noun by "and" or "or", if it names a category or ends the phrase."""
    after = tokens[phrase.end : phrase.end + 2]
    if len(after) < 2 or after[0] not in ("and", "or") or after[1] in _OBJECTS or after[1] in _SKIPPED:
        return None
    other = find_noun_phrase(tokens, phrase.end + 1, vocabulary)
    if other.noun == other.end or not is_plural(tokens[other.end - 1]):
        return None
    known = other.meaning is not None and bool(other.meaning.categories)
    return other if known or tokens[other.end : other.end + 1] in ([], ["are"], ["were"]) else None


def counts_what_follows(tokens: Sequence[str], phrase: NounPhrase) -> bool:
    """Whether an unknown noun is a group, as in "herds of sheep", and not a part ("of the")."""
    after = tokens[phrase.end : phrase.end + 2]
    return len(after) == 2 and after[0] == "of" and after[1] not in _ENDS


def gear_of(meaning: Meaning, after: Sequence[str], vocabulary: Vocabulary) -> tuple[str, ...]:
    """The categories of which each thing counted has one, by its name ("surfers") or by the words ``after`` it."""
    if meaning.gear or not meaning.categories or not _PEOPLE.issuperset(map(canonical, meaning.categories)):
        return meaning.gear
    for place, word in enumerate(after):
        if word in _GEAR["told"]:
            return vocabulary.known(_GEAR["told"][word])
        if word in _BEFORE_GEAR:
            found = find_noun_phrase(after, place + 1, vocabulary).meaning
            gear = found.categories + found.otherwise if found else ()
            if gear and _ONE_EACH.issuperset(map(canonical, gear)):
                return gear
    return ()


def is_measure(noun: str) -> bool:
    """Whether the noun, such as "pieces", counts what follows its "of"."""
    return noun in _MEASURES


def _longest(tokens: Sequence[str], place: int, vocabulary: Vocabulary) -> tuple[int, Meaning | None]:
    """The end and the meaning of the longest name at ``place``."""
    # "can" is a verb here, not a tin
    shortest = place + 1 if tokens[place] in _ENDS else place
    for end in range(min(place + vocabulary.longest, len(tokens)), shortest, -1):
        meaning = vocabulary.meaning(tokens[place] if end == place + 1 else " ".join(tokens[place:end]))
        if meaning is not None:
            return end, meaning
    return place, None


def _compound(
    tokens: Sequence[str], start: int, noun: int, end: int, meaning: Meaning, vocabulary: Vocabulary
) -> NounPhrase:
    """The noun phrase of a known noun, which may only describe the next: "dog beds", "bus windows"."""
    while end < len(tokens) and not _plural_only(tokens[end - 1]) and tokens[end] not in _ENDS:
        after, next_meaning = _longest(tokens, end, vocabulary)
        if after <= end + 1 and _goes_on(tokens, end):
            break
        if next_meaning is not None:
            noun, end, meaning = end, after, next_meaning
        elif is_plural(tokens[end]) and (not _moves(meaning) or _closes(tokens, end)):
            return NounPhrase(start, end, end + 1, None)
        else:
            break
    if meaning.categories:
        return _possessed(tokens, NounPhrase(start, noun, end, meaning), vocabulary)
    return NounPhrase(start, noun, end, meaning)


def _possessed(tokens: Sequence[str], owner: NounPhrase, vocabulary: Vocabulary) -> NounPhrase:
    """The possession after an owner without apostrophe ("zebras legs", "mens hats"); else the owner itself."""
    if not is_plural(tokens[owner.end - 1]):
        return owner
    place = owner.end
    while tokens[place : place + 1] and tokens[place] in _BEFORE_PARTS:
        place += 1
    for end in (place + 2, place + 1):
        if (
            end <= len(tokens)
            and " ".join(tokens[place:end]) in _PARTS
            and _is_a_part(tokens, owner.end, place, end)
        ):
            return NounPhrase(owner.start, owner.noun, end, NO_CATEGORY)
    end = owner.end + 1
    if not _plural_only(tokens[owner.end - 1]) or owner.end == len(tokens) or not _closes(tokens, owner.end):
        return owner
    word = tokens[owner.end]
    if not _plural_only(word) or word in _VERBS or word in _ENDS:
        return owner
    meaning = vocabulary.meaning(word)
    if meaning is None or not meaning.categories:
        return NounPhrase(owner.start, owner.noun, end, NO_CATEGORY)
    of_someone = owner.meaning is not None and _moves(owner.meaning) and not _moves(meaning)
    return NounPhrase(owner.start, owner.end, end, meaning) if of_someone else owner


def _is_a_part(tokens: Sequence[str], owner_end: int, place: int, end: int) -> bool:
    """Whether a word names a part and is not a verb, as in "dogs face the camera" or "men head to the beach"."""
    word, after = tokens[end - 1], tokens[end : end + 1]
    if word in _VERBS and after and after[0] in _OBJECTS:
        return False
    if _plural_only(word):
        return True
    return place == owner_end and word not in _VERBS and _closes(tokens, place)


def _moves(meaning: Meaning) -> bool:
    """Whether it means a person or an animal, so that a following word in -s is probably a verb: "cat naps in"."""
    return bool(meaning.categories) and all(canonical(name) in _ANIMATE for name in meaning.categories)


def names_someone(word: str, vocabulary: Vocabulary) -> bool:
    """Whether a word names a person or an animal."""
    meaning = vocabulary.meaning(word)
    return meaning is not None and _moves(meaning)


def _describes(tokens: Sequence[str], place: int, vocabulary: Vocabulary) -> bool:
    """Whether a word such as "up" belongs to what follows: "up close zebras", not "up in the tree"."""
    if tokens[place] not in _PARTICLES or place + 1 == len(tokens) or tokens[place + 1] in _ENDS:
        return False
    return _longest(tokens, place, vocabulary)[1] is None  # "back packs"


def _closes(tokens: Sequence[str], place: int) -> bool:
    """Whether the word certainly ends a noun phrase: "plant stands are", "bird feeders"."""
    return place + 1 == len(tokens) or tokens[place + 1] in _AUXILIARIES


def _goes_on(tokens: Sequence[str], place: int) -> bool:
    """Whether the word after a noun is its verb or a measure: "man stands", "boat tows another", "cake slices"."""
    word, after = tokens[place], tokens[place + 1 : place + 2]
    if word in _MEASURES or (bool(after) and after[0] in _OBJECTS):
        return True
    return word in _VERBS and not (_plural_only(word) and _closes(tokens, place))


def _ends(tokens: Sequence[str], start: int, place: int) -> bool:
    """Whether a noun phrase without a known noun ends: at a verb after a plural, or a word such as "in"."""
    word = tokens[place]
    after_plural = place > start and is_plural(tokens[place - 1])
    if word == "and" and place > start:
        return after_plural  # "black and yellow clocks" go on
    return word in _ENDS or (after_plural and is_verb(word))


def _unknown(tokens: Sequence[str], start: int, end: int) -> NounPhrase:
    if start == end:
        return NounPhrase(start, start, start, None)
    noun = next((place for place in range(start, end) if is_plural(tokens[place])), end - 1)
    return NounPhrase(start, noun, noun + 1, None)


def _plural_only(word: str) -> bool:
    """Whether the word cannot be a singular: "men", "bells", not "sheep"."""
    return is_plural(word) and singular(word) != word


def is_verb(word: str) -> bool:
    """Whether a word after a plural looks like a verb: "stand", "sitting"."""
    return word in _VERBS or word.endswith(("ing", "ed"))
