"""Explain the answer to "how many …?": the evidence for the count asked for, or the answer's own score."""

import copy
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from counting.explain.count_grad_cam import BACKBONE, CountCam, Method, explain_scores
from counting.explain.explanation import Explanation, Subject, explanation
from counting.networks.checkpoint import Checkpoint
from counting.networks.inference import PhotoCounts
from counting.questions.answering import Answer, answer_from
from counting.questions.how_many.encoding import EncodedQuestions, encode, read_questions
from counting.questions.how_many.evidence import ANSWERS, Evidence, capped
from counting.questions.how_many.head import HeadCommittee
from counting.questions.how_many.model import shipped
from counting.questions.parsing.parser import understood
from counting.stats.count_distribution import Calibration
from counting.utils.derivatives import evaluation_mode, ordinary_weights
from counting_datasets.categories import COCO_CATEGORIES, match_categories
from counting_datasets.errors import CountingError


def explain_answer(
    checkpoint: Checkpoint,
    photo: Image.Image,
    question: str,
    *,
    layer: str = BACKBONE,
    method: Method = "fused",
    score: bool = False,
) -> Explanation:
    """Explain the count that ``question`` asks for in ``photo``.

    With ``score``, explain instead the score of the how-many head's own answer: its logit, as a function of the
    calibrated distributions and so of the unclipped counts.

    Raises:
        CountingError: the question cannot be answered by counting, or not by this counter.
    """
    photo = photo.convert("RGB")
    counter = checkpoint.counter
    reading = understood(question, counter.categories)
    image = counter.preprocess(photo)[None].to(next(counter.parameters()).device)
    with evaluation_mode(counter), torch.inference_mode():
        raw = counter(image)
    answer = answer_from(
        checkpoint, PhotoCounts(Path(), photo, raw[0].clamp(min=0).float().cpu().numpy()), reading
    )
    columns = [counter.categories.index(name) for name in answer.categories]
    if score:
        found, subject = _of_answer(checkpoint, image, question, layer, method)
    else:
        found = explain_scores(counter, image, lambda raw: raw[:, :, columns].sum(dim=(1, 2)), layer=layer)[method]
        subject = _subject(answer)
    cells = found.cells[0, :, columns].clamp(min=0).sum(dim=1).float().cpu().numpy()
    return explanation(photo, found.cam, 0, subject, cells=cells)


def _subject(answer: Answer) -> Subject:
    counted = " + ".join(answer.categories)
    return Subject(
        heading=f"{answer.reading.question} {answer.guess.words()}",
        evidence=f"evidence for {counted}",
        against=f"evidence against {counted}",
        score=f"the counter counts {answer.raw:.1f}",
        question=answer.reading.question,
    )


def _of_answer(
    checkpoint: Checkpoint, image: Tensor, question: str, layer: str, method: Method
) -> tuple[CountCam, Subject]:
    """Grad-CAM of the score of the how-many head's most probable answer."""
    counter, calibration = checkpoint.counter, checkpoint.calibration
    if calibration is None or not match_categories(counter.categories, COCO_CATEGORIES):
        raise CountingError(
            "the how-many head needs calibrated counts of COCO's categories, which this counter does not have:"
            " explain the count, without --answer-score"
        )
    device = image.device
    heads = copy.deepcopy(shipped().committee).to(device)
    calibration = copy.deepcopy(calibration).to(device)
    with torch.inference_mode(False), ordinary_weights(heads, calibration):
        logits = answer_logits(heads, encode(read_questions([question])), calibration, counter.categories)
        with evaluation_mode(counter), torch.inference_mode():
            likeliest = int(logits(counter(image)).argmax())
        found = explain_scores(counter, image, lambda raw: logits(raw)[:, likeliest], layer=layer)[method]
    answer = in_words(likeliest)
    subject = Subject(
        heading=f"{question} {answer} (the how-many head's answer)",
        evidence=f"what raises the score of the answer {answer}",
        against=f"what lowers the score of the answer {answer}",
        score=f"the score is {float(found.cam.scores[0, 0]):.2f}",
        question=question,
        note=f"This is not where objects were counted: whatever makes {answer} likelier than the others raises"
        " its score, such as a place that lowers a higher count.",
    )
    return found, subject


def in_words(answer: int) -> str:
    """An answer of the how-many head as text; the largest is "20 or more"."""
    return str(answer) if answer < ANSWERS - 1 else f"{ANSWERS - 1} or more"


def answer_logits(
    heads: HeadCommittee, questions: EncodedQuestions, calibration: Calibration, categories: tuple[str, ...]
) -> Callable[[Tensor], Tensor]:
    """A differentiable function from B×cells×K raw counts to B×21 logits, the mean of the heads'.

    Gradients pass through the unclipped counts. It computes on the device of ``calibration``.
    """
    questions = on_device(questions, calibration.weights.device)
    columns = match_categories(categories, COCO_CATEGORIES)
    theirs, ours = list(columns), list(columns.values())

    def logits(raw: Tensor) -> Tensor:
        unclipped = raw.sum(dim=1)
        counts = unclipped + (raw.clamp(min=0).sum(dim=1) - unclipped).detach()
        counted = capped(calibration(counts).probability[:, theirs])
        shape = (len(raw), len(COCO_CATEGORIES), ANSWERS)
        probability = counted.new_zeros(shape).index_copy(1, torch.tensor(ours, device=counted.device), counted)
        known = torch.zeros(shape[:2], dtype=torch.bool, device=counted.device)
        known[:, ours] = True
        evidence = Evidence(probability, known)
        return torch.stack([head(questions, evidence) for head in heads.members]).mean(dim=0)

    return logits


def on_device(questions: EncodedQuestions, device: torch.device) -> EncodedQuestions:
    """A copy of the questions with all its tensors on ``device``."""
    tensors = {one.name: getattr(questions, one.name) for one in fields(questions)}
    return EncodedQuestions(**{name: tensor.to(device, copy=True) for name, tensor in tensors.items()})
