"""The vocabulary: which words name which of a counter's categories."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from counting.utils.inflection import plurals
from counting_datasets.categories import COCO_CATEGORIES, canonical
from counting_datasets.errors import CountingError

How = Literal["exact", "plural", "synonym", "super-category", "similar"]

WORD = r"[^\W_]+(?:['.&-][^\W_]+)*"
"""Pattern of a word: "t-shirt", "dog's" and "st.bernard" are one."""

_WORDS = Path(__file__).with_name("words.toml")


@dataclass(frozen=True, slots=True)
class Meaning:
    """The categories that a word names, whose counts are summed, and how it names them.

    ``otherwise`` are those that it names in a photo without any of ``categories``. ``gear`` are those of which
    each thing named has one (a surfer, a surfboard): its count, if above 0, limits theirs.
    """

    categories: tuple[str, ...]
    how: How
    otherwise: tuple[str, ...] = ()
    gear: tuple[str, ...] = ()


NO_CATEGORY = Meaning((), "synonym")
"""Meaning of a word for a thing that the counter does not count."""


@cache
def words() -> Mapping[str, Any]:
    """The tables of ``words.toml``."""
    return tomllib.loads(_WORDS.read_text(encoding="utf-8"))


class Vocabulary:
    """All forms of the words that name one of ``categories``, or a thing that is none of them.

    Earlier meanings take precedence: the categories' own names, then their plurals, synonyms and super-categories.
    Names may be VOC's, COCO's or the user's own.

    Attributes:
        categories: as given.
        nouns: every known word in the singular.
        longest: number of words in the longest form.

    Raises:
        CountingError: no categories, an empty name, or two that mean the same.
    """

    def __init__(self, categories: Sequence[str]) -> None:
        self.categories = tuple(categories)
        self._named: dict[str, str] = {}
        for category in self.categories:
            name = canonical(category)
            if not name or name in self._named:
                raise CountingError(f"categories: {category!r} is {'a duplicate' if name else 'an empty name'}")
            self._named[name] = category
        if not self._named:
            raise CountingError("categories: must not be empty")
        self._meanings: dict[str, Meaning] = {}
        self._add_own_names()
        self._add_tables()
        self._add_second_meanings()
        self._add_gear()
        self.longest = max(form.count(" ") + 1 for form in self._meanings)

    def meaning(self, form: str) -> Meaning | None:
        """The meaning of one or more words (lower case, single spaces); None if unknown.

        Words with a hyphen are also looked up without it: "double-decker".
        """
        found = self._meanings.get(form)
        return self._meanings.get(form.replace("-", " ")) if found is None and "-" in form else found

    def known(self, name: str) -> tuple[str, ...]:
        """The category that COCO calls ``name``, if it is one of ``categories``."""
        category = self._named.get(canonical(name))
        return () if category is None else (category,)

    def _add_own_names(self) -> None:
        """The categories' names, written VOC's way, COCO's, or as the user has them; then their plurals."""
        names = [
            (name, self._named[canonical(name)]) for name in words()["synonyms"] if canonical(name) in self._named
        ]
        for name, category in self._named.items():
            plain = " ".join(category.lower().replace("_", " ").replace("-", " ").split())
            names += [(plain, category), (name, category)]
        for name, category in names:
            self._meanings.setdefault(name, Meaning((category,), "exact"))
        for name, category in names:
            for form in plurals(name):
                self._meanings.setdefault(form, Meaning((category,), "plural"))
        self.nouns = [name for name, _ in names]

    def _add_tables(self) -> None:
        """First the words that name categories, then all others, so that no similar word replaces these."""
        table = words()
        for name, synonyms in table["synonyms"].items():
            if canonical(name) in self._named:
                self._add(synonyms, Meaning((self._named[canonical(name)],), "synonym"))
        for entry in table["super-categories"].values():
            members = tuple(self._named[name] for name in map(canonical, entry["members"]) if name in self._named)
            if members:
                self._add(entry["names"], Meaning(members, "super-category"))
        for name, synonyms in table["synonyms"].items():
            self._add([name, *synonyms], NO_CATEGORY)
        for entry in table["super-categories"].values():
            self._add(entry["names"], NO_CATEGORY)
        others = table["other-things"]
        self._add([*COCO_CATEGORIES, *others["parts"], *others["names"]], NO_CATEGORY)

    def _add(self, names: Sequence[str], meaning: Meaning) -> None:
        """Give the names and their plurals a meaning, unless they have one."""
        self.nouns += names
        for name in names:
            for form in (name, *plurals(name)):
                self._meanings.setdefault(form, meaning)

    def _add_second_meanings(self) -> None:
        for word, name in words()["second-meanings"].items():
            category = self._named.get(canonical(name))
            for form in (word, *plurals(word)):
                first = self._meanings[form]
                if category is not None and first.categories and category not in first.categories:
                    self._meanings[form] = replace(first, otherwise=(category,))

    def _add_gear(self) -> None:
        """Only if all possible gear is known: a biker may have a bicycle or a motorcycle."""
        for entry in words()["gear"].values():
            gear = tuple(self._named[name] for name in map(canonical, entry["gear"]) if name in self._named)
            if len(gear) < len(entry["gear"]):
                continue
            for word in entry["names"]:
                for form in (word, *plurals(word)):
                    if self._meanings[form].categories:
                        self._meanings[form] = replace(self._meanings[form], gear=gear)
