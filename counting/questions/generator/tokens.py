"""Questions as tokens."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import IntEnum

_WORD = re.compile(r"'s\b|[a-z0-9]+(?:-[a-z0-9]+)*(?:'(?!s\b)[a-z]+)?")


class Mark(IntEnum):
    """Tokens that are not words: the end of a question, and a start token for each style."""

    END = 0
    PEOPLE = 1
    """Questions that people asked (VQA)."""
    CAPTIONS = 2
    """Questions that a program made from captions (COCO-QA)."""


def question_words(text: str) -> list[str]:
    """The words of a question in lower case, without punctuation; "'s" and hyphenated words are one word each."""
    return _WORD.findall(text.lower().replace("’", "'"))


def as_text(words: Iterable[str]) -> str:
    """A question for people to read: "How many dogs are on the man's boat?"."""
    text = " ".join(words).replace(" 's", "'s")
    return f"{text[:1].upper()}{text[1:]}?"


class WordTokens:
    """A vocabulary of words; their tokens follow the marks."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._tokens = {word: number for number, word in enumerate(self.words, start=len(Mark))}

    @classmethod
    def of(cls, questions: Iterable[Sequence[str]], least: int) -> "WordTokens":
        """The vocabulary of words that occur at least ``least`` times, commonest first."""
        counts = Counter(word for words in questions for word in words)
        kept = [word for word in counts if counts[word] >= least]
        return cls(sorted(kept, key=lambda word: (-counts[word], word)))

    def __len__(self) -> int:
        return len(Mark) + len(self.words)

    def encode(self, words: Iterable[str]) -> list[int] | None:
        """The words' tokens, without marks; None if a word is unknown."""
        tokens = [self._tokens.get(word) for word in words]
        known = [token for token in tokens if token is not None]
        return known if len(known) == len(tokens) else None

    def decode(self, tokens: Iterable[int]) -> list[str]:
        """The words of tokens, none of which is a mark."""
        return [self.words[token - len(Mark)] for token in tokens]
