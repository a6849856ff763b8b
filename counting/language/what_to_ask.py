"""Which of many questions about a photo are worth asking: those that counts answer, each once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from counting.vqa.parser import QuestionParser
from counting.vqa.reading import Reading
from counting.vqa.vocabulary import Vocabulary
from counting_datasets.categories import COCO_CATEGORIES, canonical

LEAST = 0.5
"""How probably something that a question asks for must be there."""

_SAY_NOTHING = frozenset({
    "a", "all", "altogether", "an", "any", "appear", "appears", "are", "be", "can", "contained", "depicted",
    "display", "displayed", "do", "does", "exist", "featured", "here", "image", "in", "is", "it", "its",
    "now", "of", "one", "photo", "photograph", "photos", "picture", "pictured", "pictures", "present",
    "scene", "screen", "see", "seen", "shot", "show", "shown", "that", "the", "there", "these", "they",
    "this", "those", "total", "view", "visible", "we", "were", "what", "who", "you",
})  # fmt: skip
"""Words around a noun that ask for nothing more: "are there", "can be seen in this picture"."""


@dataclass(frozen=True, eq=False)
class Contents:
    """What is in a photo, as far as it is known: K ``categories``, how many, and how probably any at all."""

    categories: Sequence[str]
    counts: NDArray[np.floating]
    probably: NDArray[np.floating]

    @classmethod
    def certain(cls, categories: Sequence[str], counts: NDArray[np.floating]) -> "Contents":
        """Where the K counts are taken as they are."""
        return cls(categories, counts, (counts >= 0.5).astype(np.float64))

    def asked(self, reading: Reading) -> list[int]:
        """The categories that a question asks for; none where counts do not answer it."""
        if reading.refusal is not None:
            return []
        counted = reading.counted(dict(zip(self.categories, self.counts.tolist(), strict=True)))
        return [self.categories.index(name) for name in counted]

    def holds(self, reading: Reading) -> bool:
        """Whether probably something that the question asks for is there."""
        asked = self.asked(reading)
        return bool(asked) and bool(1 - np.prod(1 - self.probably[asked]) >= LEAST)


class WorthAsking:
    """Chooses questions for a counter of ``categories``."""

    def __init__(self, categories: Sequence[str]) -> None:
        ours = {canonical(name) for name in categories}
        others = (name for name in COCO_CATEGORIES if canonical(name) not in ours)
        self._parser = QuestionParser(categories)
        self._things = Vocabulary((*categories, *others))

    def __call__(self, texts: Iterable[str], contents: Contents) -> list[Reading]:
        """The first question of every kind that counts answer about something in the photo, in their order.

        They speak of nothing that may not be there: of no people on a bench without a bench. Two are of one kind
        if they ask for the same things of this photo, and the rest of their words says the same or nothing: "How
        many dogs are there?" and, where the only animals are dogs, "How many animals can be seen in this photo?".
        """
        found: dict[tuple[frozenset[int], frozenset[str]], Reading] = {}
        for text in texts:
            reading = self._parser(text)
            if contents.holds(reading) and self._confirmed(reading, contents):
                found.setdefault(_kind(reading, contents), reading)
        return list(found.values())

    def _confirmed(self, reading: Reading, contents: Contents) -> bool:
        """Whether every category that its words around the noun name is probably there."""
        there = {name for name, p in zip(contents.categories, contents.probably, strict=True) if p >= LEAST}
        words = [*reading.modifiers, *reading.condition.split()]
        named = [*words, *(" ".join(pair) for pair in pairwise(words))]
        meanings = [self._things.meaning(word) for word in named if word not in _SAY_NOTHING]
        return all(not there.isdisjoint(each.categories) for each in meanings if each and each.categories)


def _kind(reading: Reading, contents: Contents) -> tuple[frozenset[int], frozenset[str]]:
    asked = contents.asked(reading)
    there = [category for category in asked if contents.probably[category] >= LEAST]
    words = {*reading.modifiers, *reading.condition.split()} - _SAY_NOTHING
    return frozenset(there or asked), frozenset(words)
