"""Train the question generator of the zoo, in half an hour on one core.

python -m recipes.train_questions [--data DIR] [--out FILE.safetensors] [--seed S]

DIR (default: $COUNTING_DATA) contains vqa/cocoqa, vqa/vqa2_subset and ceos/coco2014_counts.npz. The generator is
pretrained on questions of all kinds ("what is on the grass?") and fine-tuned on "how many" questions. The weights
of the epoch with the lowest loss on people's questions about validation photos are written to FILE, in half
precision, with a card beside it.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from counting.questions.generator.files import GENERATOR_FILE, save_generator
from counting.questions.generator.network import MAX_WORDS, QuestionGenerator
from counting.questions.generator.tokens import Mark, WordTokens
from counting.utils.files import write_json
from counting.utils.progress import console, track
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES, match_categories
from counting_datasets.errors import CountingError
from recipes.question_data import (
    Lesson,
    lessons,
    load_counts,
    load_other_questions,
    load_training_questions,
    other_lessons,
)

LEAST = 8
"""Minimum number of occurrences of a word in training; questions with rarer words are left out."""
BATCH = 128
ALIKE = 8
"""Number of batches whose questions are sorted by length together."""
DECAY = 1e-2
_VOC = sorted(match_categories(VOC_CATEGORIES, COCO_CATEGORIES).values())


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of training.

    Attributes:
        epochs: its number of epochs.
        rate: the maximum learning rate.
        dropout: the generator's dropout.
        smoothing: label smoothing, the share of the target that is spread over all words (Szegedy et al. 2016,
            section 7).
    """

    epochs: int
    rate: float
    dropout: float
    smoothing: float


ALL_KINDS = Stage(epochs=4, rate=2e-3, dropout=0.2, smoothing=0.0)
HOW_MANY = Stage(epochs=8, rate=1e-3, dropout=0.4, smoothing=0.2)


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained generator.

    Attributes:
        generator: with the weights of the best epoch.
        epoch: the best epoch.
        loss: its mean −log p of a token of the validation questions.
        questions: number of "how many" questions in training.
        others: number of other questions in pretraining.
        chosen_on: number of validation questions.
    """

    generator: QuestionGenerator
    epoch: int
    loss: float
    questions: int
    others: int
    chosen_on: int


@dataclass(frozen=True, eq=False)
class Batch:
    """N questions.

    Attributes:
        tokens: N×(1 + MAX_WORDS + 1), from mark to end token, padded with end tokens.
        lengths: N numbers of words, plus 1.
        counts: N×80.
        about: N×80.
    """

    tokens: Tensor
    lengths: Tensor
    counts: Tensor
    about: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, rows: Tensor) -> "Batch":
        """The questions at the given indices."""
        return Batch(self.tokens[rows], self.lengths[rows], self.counts[rows], self.about[rows])

    def joined(self, other: "Batch") -> "Batch":
        """The questions of both batches."""
        return Batch(
            torch.cat([self.tokens, other.tokens]),
            torch.cat([self.lengths, other.lengths]),
            torch.cat([self.counts, other.counts]),
            torch.cat([self.about, other.about]),
        )

    def loss(self, generator: QuestionGenerator, known: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean −log p of a token, including the end token, with label smoothing."""
        longest = int(self.lengths.max())
        log_probs = generator(self.tokens[:, :longest], self.counts, known)
        picked = log_probs.gather(2, self.tokens[:, 1 : longest + 1, None]).squeeze(2)
        possible = log_probs > -torch.inf
        any_word = log_probs.where(possible, 0).sum(-1) / possible.sum(-1)
        counts = torch.arange(longest) < self.lengths[:, None]
        loss: Tensor = -(picked.lerp(any_word, smoothing) * counts).sum() / counts.sum()
        return loss


def pack(taught: Sequence[Lesson], vocabulary: WordTokens) -> Batch:
    """The questions whose words are all in the vocabulary.

    Raises:
        CountingError: there are none.
    """
    encoded = [(each, vocabulary.encode(each.words)) for each in taught]
    kept = [(each, tokens) for each, tokens in encoded if tokens is not None]
    if not kept:
        raise CountingError("no questions that counts can answer, to train or validate on")
    tokens = torch.full((len(kept), 1 + MAX_WORDS + 1), Mark.END)
    for row, (each, words) in zip(tokens, kept, strict=True):
        row[: 1 + len(words)] = torch.tensor([each.mark, *words])
    return Batch(
        tokens,
        torch.tensor([len(words) + 1 for _, words in kept]),
        torch.from_numpy(np.stack([each.counts for each, _ in kept])),
        torch.from_numpy(np.stack([each.about for each, _ in kept])),
    )


def draw_known(about: Tensor, random: torch.Generator) -> Tensor:
    """N×K flags of the categories that are known for each question, including at least one that it asks for.

    A third are all categories, a third VOC's 20 (or all, if these do not answer it), a third a random selection.
    """
    known = torch.ones_like(about)
    kind = torch.randint(3, (len(about),), generator=random)
    voc = voc_known(about)
    known[kind == 1] = voc[kind == 1]
    share = torch.rand(len(about), 1, generator=random)
    some = torch.rand(about.shape, generator=random) < share
    return torch.where((kind == 2)[:, None], some | about, known)


def voc_known(about: Tensor) -> Tensor:
    """N×80 flags of VOC's 20 categories; of all categories if VOC's do not answer the question."""
    voc = torch.zeros_like(about)
    voc[:, _VOC] = True
    return voc | ~(about & voc).any(dim=1, keepdim=True)


def validation_loss(generator: QuestionGenerator, valid: Batch) -> float:
    """The mean of the losses with all categories known and with VOC's known."""
    generator.eval()
    with torch.no_grad():
        every = valid.loss(generator, torch.ones_like(valid.about))
        voc = valid.loss(generator, voc_known(valid.about))
    return float(every + voc) / 2


def train(
    taught: Sequence[Lesson],
    held_out: Sequence[Lesson],
    seed: int,
    others: Sequence[Lesson] = (),
    stage: Stage = HOW_MANY,
) -> Trained:
    """Train on ``others`` and ``taught``, then on ``taught`` alone; keep the epoch that is best on ``held_out``.

    Raises:
        CountingError: there are no questions to train or validate on.
    """
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    vocabulary = WordTokens.of((each.words for each in (*taught, *others)), LEAST)
    generator = QuestionGenerator(vocabulary, COCO_CATEGORIES)
    data, valid = pack(taught, vocabulary), pack(held_out, vocabulary)
    other = pack(others, vocabulary) if others else None
    if other:
        run_stage(generator, other.joined(data), ALL_KINDS, valid, random)
    epochs = run_stage(generator, data, stage, valid, random)
    best = min(epochs, key=lambda epoch: epoch.loss)
    generator.load_state_dict(best.weights)
    number = epochs.index(best) + 1
    return Trained(generator.eval(), number, best.loss, len(data), len(other) if other else 0, len(valid))


@dataclass(frozen=True, eq=False)
class Epoch:
    """The result of an epoch: the ``loss`` on validation questions, and the weights."""

    loss: float
    weights: dict[str, Tensor]


def run_stage(
    generator: QuestionGenerator, data: Batch, stage: Stage, valid: Batch, random: torch.Generator
) -> list[Epoch]:
    """Train on ``data``; returns the result of each epoch."""
    generator.dropout = stage.dropout
    optimizer = torch.optim.AdamW(generator.parameters(), lr=stage.rate, weight_decay=DECAY)
    steps = stage.epochs * sum(1 for _ in _batches(data, random))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, stage.rate, total_steps=steps, pct_start=0.1)
    epochs = []
    for epoch in track(range(1, stage.epochs + 1), "training"):
        loss = _train_one_epoch(generator, data, stage.smoothing, optimizer, schedule, random)
        valid_loss = validation_loss(generator, valid)
        console.print(f"epoch {epoch}  loss {loss:.3f}  valid {valid_loss:.3f}", highlight=False)
        epochs.append(Epoch(valid_loss, deepcopy(generator.state_dict())))
    return epochs


def _train_one_epoch(
    generator: QuestionGenerator,
    data: Batch,
    smoothing: float,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    random: torch.Generator,
) -> float:
    """Train on every question once; returns the mean loss."""
    generator.train()
    losses = []
    for batch in _batches(data, random):
        loss = batch.loss(generator, draw_known(batch.about, random), smoothing)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
        clip_grad_norm_(generator.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def _batches(data: Batch, random: torch.Generator) -> Iterator[Batch]:
    """All questions once, in batches of similar length, so that there is little padding."""
    order = torch.randperm(len(data), generator=random)
    for begin in range(0, len(order), BATCH * ALIKE):
        several = order[begin : begin + BATCH * ALIKE]
        several = several[data.lengths[several].argsort()]
        first = torch.randperm(-(-len(several) // BATCH), generator=random) * BATCH
        for place in first.tolist():
            yield data.rows(several[place : place + BATCH])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTING_DATA", ".")))
    parser.add_argument("--out", type=Path, default=GENERATOR_FILE)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        questions, counts = load_training_questions(arguments.data), load_counts(arguments.data)
        held_out = {each.image for split in ("valid", "test") for each in questions[split]}
        others = other_lessons(load_other_questions(arguments.data, held_out), counts)
        people = [each for each in questions["valid"] if each.mark == Mark.PEOPLE]
        taught, chosen_on = lessons(questions["train"], counts), lessons(people, counts)
        trained = train(taught, chosen_on, arguments.seed, others)
        card = {
            "generator": "GRU, conditioned on counts",
            "data": "questions of a VQA v2 subset and of COCO-QA, COCO 2014 counts",
            "command": f"python -m recipes.train_questions --seed {arguments.seed}",
            "questions": trained.questions,
            "others": trained.others,
            "chosen_on": trained.chosen_on,
            "epoch": trained.epoch,
            "valid_loss": round(trained.loss, 4),
        }
        save_generator(trained.generator, arguments.out, card)
        write_json(arguments.out.with_suffix(".json"), card)
    except CountingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
