"""Whether a question is in English, as far as counting needs to know."""

import re
import unicodedata

from counting.questions.vocabulary import words

_WORD = re.compile(r"[^\W\d_]+")
_COMMON = frozenset(words()["grammar"]["ends"]) | frozenset(words()["grammar"]["english"])
_ABROAD = frozenset(words()["grammar"]["how-many-elsewhere"])


def is_english(question: str) -> bool:
    """Whether a text reads as English: Latin letters, and in a sentence some common English word.

    A text of one or two words is taken to be, unless one of them is "how many" in another language.
    """
    found = _WORD.findall(question.lower())
    letters = "".join(found)
    latin = sum(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)
    if 2 * latin < len(letters) or not _ABROAD.isdisjoint(found):
        return False
    return len(found) < 3 or not _COMMON.isdisjoint(found)
