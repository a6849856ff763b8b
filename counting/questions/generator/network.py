"""A small recurrent network that generates "how many …?" questions about a photo, given only its counts."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from counting.questions.generator.tokens import Mark, WordTokens, as_text
from counting.search.beams import Beam
from counting_datasets.categories import match_categories
from counting_datasets.errors import CountingError

BEGINNING = ("how", "many")
"""First words of every question."""
MAX_WORDS = 15
"""Largest number of words in a training question; the few longer ones are rewritten captions."""
PER_CATEGORY = 3
"""Number of inputs per category: whether it is known, whether it is there, log(1 + count)."""

State = tuple[Tensor, Tensor]


class QuestionGenerator(nn.Module):
    """A GRU decoder over words that sees the photo's counts at every step.

    It knows K ``categories``. A counter may know fewer: the counts of the others are masked, so their values have
    no effect.

        start, state = generator.prompt(*generator.place(counts, categories))
        for beam in search(generator.step, start, state)[0]:
            print(generator.text(beam))

    Args:
        width: size of the word vectors, which are also the weights of the output layer.
        hidden: size of the recurrent state.
        dropout: dropout rate of word vectors and states in training.
    """

    def __init__(
        self,
        vocabulary: WordTokens,
        categories: Sequence[str],
        width: int = 256,
        hidden: int = 512,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.categories = tuple(categories)
        self.dropout = dropout
        self.vectors = nn.Embedding(len(vocabulary), width)
        self.photo = nn.Sequential(
            nn.Linear(PER_CATEGORY * len(self.categories), width), nn.ReLU(), nn.Linear(width, width)
        )
        self.begin = nn.Linear(width, hidden)
        self.cell = nn.GRUCell(2 * width, hidden)
        self.project = nn.Linear(hidden + width, width)
        self.bias = nn.Parameter(torch.zeros(len(vocabulary)))
        nn.init.normal_(self.vectors.weight, std=width**-0.5)

    def place(self, counts: Tensor, categories: Sequence[str]) -> tuple[Tensor, Tensor]:
        """N×k counts in a counter's own categories → N×K counts and which are known, N×K.

        Categories that the generator does not know are left out.

        Raises:
            CountingError: the generator knows none of them.
        """
        where = match_categories(categories, self.categories)
        if not where:
            raise CountingError("the question generator knows none of the counter's categories")
        placed = counts.new_zeros(len(counts), len(self.categories))
        placed[:, list(where.values())] = counts[:, list(where)]
        known = torch.zeros_like(placed, dtype=torch.bool)
        known[:, list(where.values())] = True
        return placed, known

    def look(self, counts: Tensor, known: Tensor) -> State:
        """N×K counts, used only where ``known`` (N×K) → the state at the start of decoding."""
        counts = counts.to(self.bias.dtype).where(known, 0).clamp(min=0)
        seen = torch.cat([known.to(counts.dtype), (counts >= 0.5).to(counts.dtype), counts.log1p()], dim=1)
        photo = self.photo(seen)
        return torch.tanh(self.begin(photo)), photo

    def prompt(self, counts: Tensor, known: Tensor, mark: Mark = Mark.PEOPLE) -> tuple[Tensor, State]:
        """N×3 tokens (``mark``, "how", "many") and the state after all but the last.

        A diverse search should not begin earlier, or it would vary "how many" itself.
        """
        tokens = [mark, *(self.vocabulary.encode(BEGINNING) or ())]
        start = torch.tensor(tokens, device=self.bias.device).repeat(len(counts), 1)
        hidden, photo = self.look(counts, known)
        for column in start[:, :-1].unbind(1):
            hidden = self._advance(column, hidden, photo)
        return start, (hidden, photo)

    def text(self, beam: Beam) -> str:
        """The question as text; empty for a beam that has not ended."""
        words = [*BEGINNING, *self.vocabulary.decode(beam.tokens)]
        return as_text(words) if beam.finished else ""

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """The tokens so far (rows×t) and the state → log-probabilities of the next token (rows×V), new state."""
        hidden, photo = state
        hidden = self._advance(tokens[:, -1], hidden, photo)
        return self._log_probs(hidden, photo), (hidden, photo)

    def forward(self, tokens: Tensor, counts: Tensor, known: Tensor) -> Tensor:
        """N×t tokens that begin with a mark → N×t×V log-probabilities of the token after each."""
        hidden, photo = self.look(counts, known)
        states = []
        for column in tokens.unbind(1):
            hidden = self._advance(column, hidden, photo)
            states.append(hidden)
        return self._log_probs(torch.stack(states, 1), photo[:, None].expand(-1, len(states), -1))

    def _advance(self, tokens: Tensor, hidden: Tensor, photo: Tensor) -> Tensor:
        words = dropout(self.vectors(tokens), self.dropout, self.training)
        advanced: Tensor = self.cell(torch.cat([words, photo], dim=1), hidden)
        return advanced

    def _log_probs(self, hidden: Tensor, photo: Tensor) -> Tensor:
        seen = torch.cat([dropout(hidden, self.dropout, self.training), photo], dim=-1)
        logits = linear(self.project(seen), self.vectors.weight, self.bias)
        beginnings = torch.zeros_like(self.bias, dtype=torch.bool)
        beginnings[[Mark.PEOPLE, Mark.CAPTIONS]] = True
        return logits.masked_fill(beginnings, -torch.inf).log_softmax(-1)
