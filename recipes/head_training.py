"""Train the how-many head on questions, people's answers and the true counts of the photos.

Photos of held-out questions are not trained on. In every batch, each photo's counts are shown in a random way: all
of them, some, only those of VOC's categories, none, or with the errors of a real counter.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from counting.questions.how_many.encoding import EncodedQuestions, encode, read_questions
from counting.questions.how_many.evidence import Evidence, nothing, sure
from counting.questions.how_many.head import HowManyHead
from counting.questions.how_many.target import target_of
from counting.utils.progress import track
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES, match_categories
from counting_datasets.errors import CountingError
from counting_datasets.questions import Question
from recipes.head_grounding import HeadGrounding
from recipes.simulated_counter import SimulatedCounter

FOLDS = 8
"""One photo in this many is for validation."""
EPOCHS = 10
BATCH = 128
RATE = 2e-3
VIEWS = {"all": 0.4, "some": 0.15, "voc": 0.1, "none": 0.1, "simulated": 0.1, "simulated-all": 0.15}
"""Probability of each way to show a photo's counts."""

Truth = Mapping[str, Sequence[float]]


@dataclass(frozen=True, eq=False)
class Answered:
    """Questions with their answers and the true counts of their photos.

    Attributes:
        questions: the B questions.
        encoded: their encoding.
        target: B×21, as from ``target_of``.
        true: B×80 true counts.
    """

    questions: tuple[Question, ...]
    encoded: EncodedQuestions
    target: Tensor
    true: Tensor


def hold_out(questions: Sequence[Question], held_out: set[str]) -> tuple[list[Question], list[Question]]:
    """The questions for training and for validation, split by photo, without those about ``held_out`` photos."""
    kept = [question for question in questions if question.image not in held_out]
    left = [zlib.crc32(question.image.encode()) % FOLDS == 0 for question in kept]
    train = [question for question, out in zip(kept, left, strict=True) if not out]
    return train, [question for question, out in zip(kept, left, strict=True) if out]


def answered(questions: Sequence[Question], truth: Truth) -> Answered:
    """The questions with their encoding, targets and true counts; ``truth`` has the 80 counts of each photo.

    Raises:
        CountingError: there are no questions, or one has no number for an answer or no counts of its photo.
    """
    if not questions:
        raise CountingError("no questions to train on")
    lacking = next((question for question in questions if question.image not in truth), None)
    if lacking is not None:
        raise CountingError(f"question {lacking.id}: no counts of photo {lacking.image}")
    return Answered(
        tuple(questions),
        encode(read_questions([question.text for question in questions])),
        torch.stack([target_of(question) for question in questions]),
        torch.tensor(np.array([truth[question.image] for question in questions]), dtype=torch.float32),
    )


def train_head(
    data: Answered,
    counter: SimulatedCounter | None,
    seed: int,
    epochs: int = EPOCHS,
    what: str = "training",
    grounding: HeadGrounding | None = None,
) -> HowManyHead:
    """A head trained on ``data`` with cross-entropy and, with ``grounding``, HINT; ``seed`` determines the result.

    Without a ``counter``, all true counts are shown where its counts would be.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    head = HowManyHead()
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=0.01)
    orders = [torch.randperm(len(data.target), generator=generator) for _ in range(epochs)]
    batches = [order[start : start + BATCH] for order in orders for start in range(0, len(order), BATCH)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=len(batches))
    if grounding:
        marks = grounding.marks(data.encoded, sure(data.true), torch.Generator().manual_seed(seed))
    head.train()
    for rows in track(batches, what):
        evidence = _views(data.true[rows], counter, generator)
        log_probability = head(data.encoded[rows], evidence).log_softmax(dim=1)
        loss = -(data.target[rows] * log_probability).sum(dim=1).mean()
        if grounding:
            loss = loss + grounding(head, data.encoded[rows], evidence, data.target[rows], marks[rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return head.eval()


def _views(true: Tensor, counter: SimulatedCounter | None, generator: torch.Generator) -> Evidence:
    """The counts of a batch, each photo's in one of ``VIEWS``."""
    photos, categories = true.shape
    whole = sure(true)
    chance = torch.rand(photos, 1, generator=generator)
    some = torch.rand(photos, categories, generator=generator) < 0.2 + 0.8 * chance
    voc = torch.zeros(categories, dtype=torch.bool)
    voc[list(match_categories(VOC_CATEGORIES, COCO_CATEGORIES).values())] = True
    views = {"all": whole, "some": whole.keeping(some), "voc": whole.keeping(voc), "none": nothing(photos)}
    views["simulated"] = counter.draw(true, generator) if counter else whole
    views["simulated-all"] = counter.draw_all(true, generator) if counter else whole
    shares = torch.tensor([VIEWS[name] for name in views])
    view = torch.multinomial(shares, photos, replacement=True, generator=generator)
    row = torch.arange(photos)
    return Evidence(
        torch.stack([evidence.probability for evidence in views.values()])[view, row],
        torch.stack([evidence.known for evidence in views.values()])[view, row],
    )
