"""The how-many head: p(answer | question, counts), trained on questions that people answered."""

import torch
from torch import Tensor, nn

from counting.questions.how_many.encoding import UNDERSTOOD, EncodedQuestions, word_vectors
from counting.questions.how_many.evidence import ANSWERS, Evidence, asked_categories, count_prior
from counting.questions.parsing.similarity import SIZE
from counting_datasets.categories import COCO_CATEGORIES

_WIDTH = 128
_NOUN = 64
_LOOKS = 4
_KEY = 48
_CONTEXT = 48
_FLOOR = 0.02
"""Added to a probability before its logarithm."""


class HowManyHead(nn.Module):
    """A question and the counts of its photo → the answers' logits.

    A convolution runs over the frozen vectors of the question's words, and attention sums them. From the sum and
    the noun's vector, ``_LOOKS`` attentions over the categories select count distributions, by the similarity of
    the noun to the category's name, by the parser's result, and by trained weights. A small network takes these
    distributions, the prior of the count asked for, and the question; the logarithms of the distributions,
    weighted depending on the question, are added to its output.
    """

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.convolution = nn.Conv1d(SIZE, _WIDTH, kernel_size=3, padding=1)
        self.attention = nn.Linear(_WIDTH, 1)
        self.noun = nn.Linear(SIZE, _NOUN)
        question = _WIDTH + _NOUN + UNDERSTOOD
        self.query = nn.Linear(SIZE + _WIDTH, _LOOKS * _KEY)
        self.key = nn.Linear(SIZE, _KEY)
        self.bias = nn.Parameter(torch.zeros(len(COCO_CATEGORIES)))
        self.by_name = nn.Parameter(torch.ones(_LOOKS, 1))
        self.by_parser = nn.Parameter(torch.full((_LOOKS, 1), 3.0))
        self.context = nn.Linear(3 * len(COCO_CATEGORIES), _CONTEXT)
        seen = (_LOOKS + 1) * (ANSWERS + 1) + _CONTEXT
        self.network = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(question + seen, 256),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, ANSWERS),
        )
        self.trust = nn.Linear(question, _LOOKS + 1)
        self.register_buffer("names", word_vectors(COCO_CATEGORIES), persistent=False)
        self.names: Tensor

    def forward(self, questions: EncodedQuestions, evidence: Evidence) -> Tensor:
        """B questions about B photos → B×21 logits of the answers 0, 1, … and 20 or more."""
        text = self._read(questions)
        asked = asked_categories(questions, evidence)
        looks = self._look(text, questions.nouns, asked, evidence)
        seen = torch.cat([count_prior(questions, evidence)[:, None], looks], dim=1)
        about = torch.cat([text, torch.tanh(self.noun(self.drop(questions.nouns))), questions.understood], dim=1)
        expected = seen @ torch.arange(ANSWERS, dtype=seen.dtype, device=seen.device)
        inputs = [about, seen.flatten(1), expected.log1p(), self._context(evidence)]
        weighted = self.trust(about)[..., None] * (seen + _FLOOR).log()
        logits: Tensor = self.network(torch.cat(inputs, dim=1)) + weighted.sum(dim=1)
        return logits

    def _read(self, questions: EncodedQuestions) -> Tensor:
        """B×128: one vector for the question's words."""
        there = questions.words > 0
        vectors = self.drop(questions.vectors[questions.words])
        hidden = torch.relu(self.convolution(vectors.transpose(1, 2)).transpose(1, 2))
        weights = self.attention(hidden)[..., 0].masked_fill(~there, -1e4).softmax(dim=1)
        read: Tensor = (weights[..., None] * hidden).sum(dim=1)
        return read

    def _look(self, text: Tensor, nouns: Tensor, asked: Tensor, evidence: Evidence) -> Tensor:
        """B×looks×21: the attended count distributions; unknown counts contribute zeros."""
        queries = self.query(torch.cat([nouns, text], dim=1)).unflatten(1, (_LOOKS, _KEY))
        scores = queries @ self.key(self.names).T / _KEY**0.5 + self.bias
        similarity = (nouns @ self.names.T / SIZE**0.5)[:, None]
        scores = scores + self.by_name * similarity + self.by_parser * asked[:, None].float()
        return torch.einsum("blk,bkn->bln", scores.softmax(dim=2), evidence.probability)

    def _context(self, evidence: Evidence) -> Tensor:
        """B×48: a summary of all counts of the photo."""
        some = (1 - evidence.probability[..., 0]) * evidence.known
        told = torch.cat([evidence.expected.log1p(), some, evidence.known.float()], dim=1)
        return torch.relu(self.context(self.drop(told)))


class HeadCommittee(nn.Module):
    """Heads trained from different seeds, their log-probabilities averaged."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(HowManyHead() for _ in range(members))

    def forward(self, questions: EncodedQuestions, evidence: Evidence) -> Tensor:
        """As one head, but B×21 log-probabilities."""
        logs = [member(questions, evidence).log_softmax(dim=1) for member in self.members]
        return torch.stack(logs).mean(dim=0).log_softmax(dim=1)
