"""Decoding methods for questions, by their names on the command line."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from counting.questions.generator.network import BEGINNING, MAX_WORDS, QuestionGenerator, State
from counting.questions.generator.tokens import Mark
from counting.search.beams import Beam
from counting.search.diverse_beam_search import DiverseBeamSearch
from counting.search.diversity import Cumulative, Diversity, Hamming, NeuralEmbedding, NGram
from counting.search.sampling import sample
from counting_datasets.errors import CountingError

MethodName = Literal["beam", "diverse", "sample"]
DiversityName = Literal["hamming", "cumulative", "ngram", "embedding"]

LENGTH = MAX_WORDS - len(BEGINNING) + 1
"""Maximum number of tokens of a question, from the third word to the end token."""
BEAMS = 20
DIVERSITY: DiversityName = "hamming"
STRENGTHS = {Mark.PEOPLE: 1.0, Mark.CAPTIONS: 0.35}
"""Default diversity strength λ by style: longer questions differ enough at a smaller λ."""
SEED = 0
MAX_BEAMS = 1000
"""Largest number of questions to search for or to sample."""
MAX_SEED = 2**64 - 1
"""Largest seed of torch's random numbers."""


@dataclass(frozen=True)
class WithPrompt:
    """A diversity that sees the prompt's last ``token`` before every sequence: n-grams may begin with it."""

    token: int
    diversity: Diversity

    def __call__(self, beams: Tensor, earlier: Tensor, vocabulary: int) -> Tensor:
        return self.diversity(
            pad(beams, (1, 0), value=self.token), pad(earlier, (1, 0), value=self.token), vocabulary
        )


@dataclass(frozen=True)
class Method:
    """A way to find ``beams`` questions: beam search, Diverse Beam Search or sampling.

    Args:
        groups: number of groups of Diverse Beam Search; by default ``beams``.
        diversity, strength: its diversity term (``embedding`` uses the generator's word vectors) and λ.
        seed: random seed for sampling.
        mark: the style; prompts must begin with this token.

    Raises:
        CountingError: an argument is invalid or does not apply to this method.
    """

    name: MethodName = "diverse"
    beams: int = BEAMS
    groups: int | None = None
    diversity: DiversityName | None = None
    strength: float | None = None
    seed: int | None = None
    mark: Mark = Mark.PEOPLE

    def __post_init__(self) -> None:
        of_diverse = {"groups": self.groups, "diversity": self.diversity, "strength": self.strength}
        for argument, value in of_diverse.items():
            if value is not None and self.name != "diverse":
                raise CountingError(f"{argument}: applies only to the method diverse, not to {self.name}")
        if self.seed is not None and self.name != "sample":
            raise CountingError(f"seed: applies only to the method sample, not to {self.name}")
        if self.seed is not None and not 0 <= self.seed <= MAX_SEED:
            raise CountingError(f"seed: must be from 0 to {MAX_SEED}, is {self.seed}")
        if self.beams > MAX_BEAMS:
            raise CountingError(f"beams: must be at most {MAX_BEAMS}, is {self.beams}")
        self._search(Hamming())

    def __call__(self, generator: QuestionGenerator, start: Tensor, state: State) -> list[list[Beam]]:
        """The questions for N photos, most probable first, from ``generator``'s prompt (``start``, ``state``)."""
        if self.name == "sample":
            random = torch.Generator(start.device).manual_seed(self.seed or SEED)
            return sample(generator.step, start, state, self.beams, LENGTH, Mark.END, random)
        return self._search(self._diversity(generator, start))(generator.step, start, state)

    def _search(self, diversity: Diversity) -> DiverseBeamSearch:
        groups = (self.groups if self.groups is not None else self.beams) if self.name == "diverse" else 1
        strength = STRENGTHS[self.mark] if self.strength is None else self.strength
        return DiverseBeamSearch(self.beams, groups, strength, LENGTH, Mark.END, diversity)

    def _diversity(self, generator: QuestionGenerator, start: Tensor) -> Diversity:
        match self.diversity or DIVERSITY:
            case "hamming":
                return Hamming()
            case "cumulative":
                return Cumulative()
            case "ngram":
                return WithPrompt(int(start[0, -1]), NGram())
            case "embedding":
                return NeuralEmbedding(generator.vectors.weight.detach())
