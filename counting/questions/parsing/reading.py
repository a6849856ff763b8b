"""The result of parsing a question: what it asks for, or why counting cannot answer it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from counting.questions.parsing.vocabulary import How

Refusal = Literal[
    "empty", "too long", "another language", "no count question", "several counts", "difference", "no noun",
    "no category", "kinds", "groups", "colour", "property", "capacity",
]  # fmt: skip

_WHY: Mapping[Refusal, str] = {
    "empty": "the question is empty",
    "too long": "the question is too long",
    "another language": "the question is not in English",
    "no count question": 'not a count question: ask "how many …?"',
    "several counts": "asks for several counts: ask for one at a time",
    "difference": "asks by how much one count exceeds another: ask for each count",
    "no noun": "does not say what to count",
    "no category": "{noun}: no such category",
    "kinds": "cannot count {noun}, only individual objects",
    "groups": "cannot count {noun}, only individual objects",
    "colour": "{noun}: colours cannot be told apart, only categories",
    "property": "{asked}: only all things of a category can be counted, not those that meet a condition",
    "capacity": "{asked}: only what is there can be counted, not what could be",
}

# "people are wearing hats", "people in the picture are wearing hats": the hats are to be counted
_WITH_ANOTHER = re.compile(r"\b(are|were) wearing\b")

FEWEST = 0.5
"""Smallest count at which a category is considered present in a photo."""
FILLERS = frozenset({
    "a", "all", "altogether", "an", "any", "appear", "appears", "are", "be", "can", "contained", "depicted",
    "display", "displayed", "do", "does", "exist", "featured", "here", "image", "in", "is", "it", "its",
    "now", "of", "one", "photo", "photograph", "photos", "picture", "pictured", "pictures", "present",
    "scene", "screen", "see", "seen", "shot", "show", "shown", "that", "the", "there", "these", "they",
    "this", "those", "total", "view", "visible", "we", "were", "what", "who", "you",
})  # fmt: skip
"""Words around a noun that ask for nothing more: "are there", "can be seen in this picture"."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as the parser understood it.

    Attributes:
        question: as written.
        noun: the thing counted, as written but in lower case; empty where none was found.
        modifiers: the words before the noun, such as "young"; ignored in counting.
        condition: the words after it, such as "are on the beach"; ignored too.
        categories: the categories that the noun names; their counts are added up. Empty if it names none.
        otherwise: those that it names in a photo without ``categories``: "bikes" may be motorcycles.
        gear: those of which each thing counted has one: at most as many "surfers" as surfboards.
        how: how the noun names the categories; None if it names none.
        similar: the known word nearest to the noun and their cosine, if the tables lack the noun.
        refusal: why counts do not answer the question; None if they do.
    """

    question: str
    noun: str = ""
    modifiers: tuple[str, ...] = ()
    condition: str = ""
    categories: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()
    gear: tuple[str, ...] = ()
    how: How | None = None
    similar: tuple[str, float] | None = None
    refusal: Refusal | None = None

    def counted(self, counts: Mapping[str, float]) -> tuple[str, ...]:
        """The categories to add up for these counts: ``otherwise`` if there are none of ``categories``."""
        if self.otherwise and sum(counts[category] for category in self.categories) < FEWEST:
            return self.otherwise
        return self.categories

    def count(self, counts: Mapping[str, float]) -> float:
        """The sum of the counted categories, at most the count of their gear if there is any.

        For kinds, the number of categories present. Valid only without a refusal.
        """
        found = [counts[category] for category in self.counted(counts)]
        if self.of_kinds:
            return sum(count >= FEWEST for count in found)
        gear = sum(counts[category] for category in self.gear)
        return min(sum(found), gear) if gear >= FEWEST else sum(found)

    @property
    def of_kinds(self) -> bool:
        """Whether the question asks for kinds that are categories themselves: "kinds of animals"."""
        return self.refusal == "kinds" and len(self.categories) > 1

    @property
    def is_plain(self) -> bool:
        """Whether the answer is the photo's count itself, as in a table of its counts.

        It is for one category, whatever else the question says ("dogs on the beach"), and for the sum of several
        if the question says nothing more ("how many animals are there?").
        """
        says_no_more = FILLERS.issuperset((*self.modifiers, *self.condition.split()))
        return not self.gear and (len(self.categories) == 1 or says_no_more)

    @property
    def mapped(self) -> bool:
        """Whether it asks for a number of things of known categories, answerable ("cars") or not ("red cars").

        "How many people are wearing hats?" and "how many people can sit here?" ask for something else.
        """
        with_another = self.refusal == "property" and _WITH_ANOTHER.search(self.condition) is not None
        return bool(self.categories) and self.refusal != "capacity" and not with_another

    @property
    def explanation(self) -> str:
        """One line on what is counted, or on why there is no answer."""
        if self.refusal is not None:
            noun = " ".join((*self.modifiers, self.noun))
            return _WHY[self.refusal].format(noun=noun, asked=f"{noun} {self.condition}".rstrip())
        what = "category" if len(self.categories) == 1 else "categories"
        limit = f", at most the number of {' + '.join(self.gear)}" * bool(self.gear)
        like = (
            f" ({self.noun} is most similar to {self.similar[0]}, {self.similar[1]:.2f})" if self.similar else ""
        )
        return f"counting {what}: {', '.join(self.categories)}{limit}{like}"
