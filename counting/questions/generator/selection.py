"""Selection of the questions about a photo that are worth asking: those that counts answer, without duplicates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from counting.questions.parsing.parser import question_parser
from counting.questions.parsing.reading import FILLERS, Reading
from counting.questions.parsing.vocabulary import Vocabulary, words
from counting.stats.metrics import round_half_up
from counting.utils.inflection import is_plural
from counting_datasets.categories import COCO_CATEGORIES, canonical

LEAST = 0.6
"""Smallest probability that what a question asks for is there; it is for 93 % of those shown on VOC 2007 val."""

_PROPERTIES = frozenset(words()["out-of-reach"]["properties"])
_OF_ONE = [["is"], ["was"], ["has"], ["does"]]


@dataclass(frozen=True, eq=False)
class Contents:
    """Contents of a photo: K ``categories``, raw counts, and probabilities of at least one."""

    categories: Sequence[str]
    counts: NDArray[np.floating]
    probability: NDArray[np.floating]

    @classmethod
    def certain(cls, categories: Sequence[str], counts: NDArray[np.floating]) -> "Contents":
        """Contents with K counts that are certain, such as true ones."""
        return cls(categories, counts, (counts >= 0.5).astype(np.float64))

    def asked(self, reading: Reading) -> list[int]:
        """Columns of the categories that a question asks for; none if counts do not answer it."""
        if reading.refusal is not None:
            return []
        counted = reading.counted(dict(zip(self.categories, self.counts.tolist(), strict=True)))
        return [self.categories.index(name) for name in counted]

    def holds(self, reading: Reading) -> bool:
        """Whether something that the question asks for is there, by probability and by the rounded count."""
        asked = self.asked(reading)
        return bool(self.counts[asked].sum() >= 0.5 and 1 - np.prod(1 - self.probability[asked]) >= LEAST)

    def likely(self) -> NDArray[np.float64]:
        """The rounded counts, 0 for what is probably not there."""
        return np.where(self.probability >= LEAST, round_half_up(self.counts), 0.0)


class WorthAsking:
    """Chooses questions for a counter of ``categories``."""

    def __init__(self, categories: Sequence[str]) -> None:
        ours = {canonical(name) for name in categories}
        others = (name for name in COCO_CATEGORIES if canonical(name) not in ours)
        self._parser = question_parser(tuple(categories))
        self._things = Vocabulary((*categories, *others))

    def __call__(self, texts: Iterable[str], contents: Contents) -> list[Reading]:
        """The questions that counts answer about things in the photo, in order, the first of each kind.

        They mention nothing that may not be there: no people on a bench without a bench. Two questions are of one
        kind if they ask for the same things in this photo and their other words say the same or nothing: "How many
        dogs are there?" and, if the only animals are dogs, "How many animals can be seen in this photo?".
        """
        found: dict[tuple[frozenset[int], frozenset[str]], Reading] = {}
        for text in texts:
            reading = self._parser(text)
            if contents.holds(reading) and _grammatical(reading) and self._confirmed(reading, contents):
                found.setdefault(_kind(reading, contents), reading)
        return list(found.values())

    def _confirmed(self, reading: Reading, contents: Contents) -> bool:
        """Whether every category named beside the noun is a different one and probably there.

        Counts do not tell what things wear or hold, so a question that says it is never confirmed.
        """
        there = {name for name, p in zip(contents.categories, contents.probability, strict=True) if p >= LEAST}
        around = [*reading.modifiers, *reading.condition.split()]
        named = [*around, *(" ".join(pair) for pair in pairwise(around))]
        others = there.difference(reading.categories)
        meanings = [self._things.meaning(word) for word in named if word not in FILLERS]
        confirmed = all(not others.isdisjoint(each.categories) for each in meanings if each and each.categories)
        return confirmed and _PROPERTIES.isdisjoint(around)


def _grammatical(reading: Reading) -> bool:
    """Whether the noun is a plural with a plural verb: not "horse", not "dogs is"."""
    noun = reading.noun.partition(" of ")[0].split()[-1]
    return (reading.how == "plural" or is_plural(noun)) and reading.condition.split()[:1] not in _OF_ONE


def _kind(reading: Reading, contents: Contents) -> tuple[frozenset[int], frozenset[str]]:
    asked = contents.asked(reading)
    there = [category for category in asked if contents.probability[category] >= LEAST]
    said = {*reading.modifiers, *reading.condition.split()} - FILLERS
    return frozenset(there or asked), frozenset(said)
