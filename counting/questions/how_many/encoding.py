"""Questions as tensors: the vectors of their words, and the parser's result."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from counting.questions.parsing.parser import MAX_CHARACTERS, question_parser
from counting.questions.parsing.reading import Reading, Refusal
from counting.questions.parsing.similarity import SIZE, unit_vectors
from counting.questions.parsing.vocabulary import WORD, How
from counting_datasets.categories import COCO_CATEGORIES

MOST_WORDS = 24
"""Maximum number of words read; the rest of a question is ignored."""

_SCALE = 4.0
"""Length of the word vectors: with length 1 their entries would be too small to train on."""

HOW: tuple[str, ...] = get_args(How)
REFUSALS: tuple[str, ...] = get_args(Refusal)
UNDERSTOOD = len(HOW) + len(REFUSALS)
_WORD = re.compile(WORD)


@dataclass(frozen=True, eq=False)
class EncodedQuestions:
    """B questions, parsed for COCO's 80 categories.

    Attributes:
        vectors: V×256, of all words that occur; the first row stands for no word.
        words: B×24 row numbers of ``vectors``, 0 after the last word.
        nouns: B×256, the vectors of the things counted.
        understood: B×F, one-hot: how the noun names its categories, and why counts do not answer.
        asked: B×80, whether the noun names a category.
        otherwise: B×80, the categories that it names in a photo without any of those.
        gear: B×80, the categories of which each thing counted has one (surfers: surfboard).
        of_kinds: B, whether the question asks how many of several categories are present.
    """

    vectors: Tensor
    words: Tensor
    nouns: Tensor
    understood: Tensor
    asked: Tensor
    otherwise: Tensor
    gear: Tensor
    of_kinds: Tensor

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, rows: Tensor) -> "EncodedQuestions":
        return EncodedQuestions(
            self.vectors,
            self.words[rows],
            self.nouns[rows],
            self.understood[rows],
            self.asked[rows],
            self.otherwise[rows],
            self.gear[rows],
            self.of_kinds[rows],
        )

    @property
    def mapped(self) -> Tensor:
        """B: whether the noun names any category."""
        return self.asked.any(dim=1)

    @property
    def answered(self) -> Tensor:
        """B: whether counts answer the question."""
        return ~self.understood[:, len(HOW) :].any(dim=1)


def read_questions(questions: Sequence[str]) -> list[Reading]:
    """Each question as parsed for COCO's categories."""
    parser = question_parser(COCO_CATEGORIES)
    return [parser(question) for question in questions]


def encode(readings: Sequence[Reading]) -> EncodedQuestions:
    """The tensors of the questions that ``read_questions`` parsed."""
    texts = [_WORD.findall(reading.question[:MAX_CHARACTERS].lower())[:MOST_WORDS] for reading in readings]
    vocabulary = {word: row for row, word in enumerate(dict.fromkeys(word for text in texts for word in text), 1)}
    words = torch.zeros(len(texts), MOST_WORDS, dtype=torch.long)
    for row, text in enumerate(texts):
        words[row, : len(text)] = torch.tensor([vocabulary[word] for word in text], dtype=torch.long)
    vectors = torch.cat([torch.zeros(1, SIZE), word_vectors(list(vocabulary))])
    nouns = dict.fromkeys(reading.noun for reading in readings)
    noun_rows = {noun: row for row, noun in enumerate(nouns)}
    return EncodedQuestions(
        vectors=vectors,
        words=words,
        nouns=word_vectors(list(nouns))[[noun_rows[reading.noun] for reading in readings]],
        understood=torch.tensor([_understood(reading) for reading in readings]).reshape(-1, UNDERSTOOD),
        asked=_among(reading.categories for reading in readings),
        otherwise=_among(reading.otherwise for reading in readings),
        gear=_among(reading.gear for reading in readings),
        of_kinds=torch.tensor([reading.of_kinds for reading in readings], dtype=torch.bool),
    )


def word_vectors(words: Sequence[str]) -> Tensor:
    """N×256: wordllama's vectors, scaled to the length that the head takes; zeros for an unknown word."""
    if not words:
        return torch.zeros(0, SIZE)
    return _SCALE * torch.from_numpy(unit_vectors(words))


def _understood(reading: Reading) -> list[float]:
    return [float(reading.how == how) for how in HOW] + [float(reading.refusal == why) for why in REFUSALS]


def _among(named: Iterable[Sequence[str]]) -> Tensor:
    return torch.tensor([[category in names for category in COCO_CATEGORIES] for names in named]).reshape(
        -1, len(COCO_CATEGORIES)
    )
