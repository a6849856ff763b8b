"""Similarity of word vectors, for words that the tables lack."""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting.questions.parsing.vocabulary import Vocabulary
from counting_datasets.errors import CountingError

SIZE = 256
"""Number of entries of a word vector."""


class WordSimilarity:
    """Finds which of ``words`` is nearest to another, by the cosine of wordllama's vectors.

    The vectors are built from word pieces, so they relate spellings and compounds more than meanings. They are
    loaded on first use.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(dict.fromkeys(words))
        self._vectors: NDArray[np.float32] | None = None
        self.nearest = lru_cache(maxsize=100_000)(self._nearest)

    def _nearest(self, word: str) -> tuple[str, float]:
        """The nearest of the other words and its cosine (−1 to 1)."""
        if self._vectors is None:
            self._vectors = unit_vectors(self._words)
        cosines = self._vectors @ unit_vectors([word])[0]
        if word in self._words:
            cosines[self._words.index(word)] = -1
        place = int(cosines.argmax())
        return self._words[place], float(cosines[place])


def fit_threshold(vocabulary: Vocabulary, nouns: Iterable[str]) -> float:
    """The cosine threshold that maximizes the number of right minus wrong similar words.

    Each of ``nouns`` (single words in the singular, known to the vocabulary) is treated as unknown: its
    nearest other word is right if it names the same categories. Nouns nearest to a word without
    a category are ignored.

    Raises:
        CountingError: none of the nouns is known.
    """
    similarity = WordSimilarity(vocabulary.nouns)
    cosines, right = [], []
    for noun in dict.fromkeys(nouns):
        nearest, cosine = similarity.nearest(noun)
        own, theirs = vocabulary.meaning(noun), vocabulary.meaning(nearest)
        if own is not None and theirs is not None and theirs.categories:
            cosines.append(cosine)
            right.append(own.categories == theirs.categories)
    if not cosines:
        raise CountingError("no known nouns to fit the threshold of word similarity on")
    order = np.argsort(cosines)[::-1]
    ahead = np.cumsum(np.where(np.asarray(right)[order], 1, -1))
    return float(np.asarray(cosines)[order][int(ahead.argmax())])


def unit_vectors(names: Sequence[str]) -> NDArray[np.float32]:
    """One row of length 1 per name; a name without a vector gets zeros."""
    vectors = np.asarray(_model().embed(list(names)), dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0))


@cache
def _model() -> Any:
    """wordllama with the vectors that its package carries; nothing is downloaded."""
    import wordllama

    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
