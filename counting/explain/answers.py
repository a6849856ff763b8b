"""Where in a photo the answer to "how many …?" comes from: the how-many head's score, traced back to the photo."""

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor

from counting.explain.counts import BACKBONE, Method, explain_scores
from counting.explain.photos import Explanation, describe
from counting.models.checkpoint import Checkpoint
from counting.questions.answering import understood
from counting.questions.how_many.encoding import EncodedQuestions, encode, read_questions
from counting.questions.how_many.evidence import ANSWERS, Evidence, capped
from counting.questions.how_many.model import HowMany, shipped
from counting.stats.count_distribution import Calibration
from counting_datasets.categories import COCO_CATEGORIES, match_categories
from counting_datasets.errors import CountingError


def explain_answer(
    checkpoint: Checkpoint, photo: Image.Image, question: str, *, layer: str = BACKBONE, method: Method = "fused"
) -> Explanation:
    """Why the how-many head answers ``question`` as it does.

    The score is the logit of its likeliest answer. The gradient passes the head, the calibrated distributions
    and the unclipped counts to the layer.

    Raises:
        CountingError: the question cannot be answered by counting, or not by this counter.
    """
    counter, calibration = checkpoint.counter.eval(), checkpoint.calibration
    if calibration is None or not match_categories(counter.categories, COCO_CATEGORIES):
        raise CountingError(
            "this counter is not calibrated, or counts none of COCO's categories: no answer to explain"
        )
    asked = understood(question, counter.categories).categories
    questions = encode(read_questions([question]))
    answers = answer_logits(shipped(), questions, calibration, counter.categories)
    image = counter.preprocess(photo)[None].to(next(counter.parameters()).device)
    with torch.inference_mode():
        answer = int(answers(counter(image)).argmax())
    found = explain_scores(counter, image, lambda raw: answers(raw)[:, [answer]], layer=layer)[method]
    columns = [place for place, name in enumerate(counter.categories) if name in asked]
    cells = found.cells[0, :, columns].clamp(min=0).sum(dim=1).cpu().numpy()
    return describe(found.cam, 0, question, photo.size, cells, said=f"{question} {number(answer)}")


def number(answer: int) -> str:
    """An answer in words."""
    return str(answer) if answer < ANSWERS - 1 else f"{ANSWERS - 1} or more"


def answer_logits(
    model: HowMany, questions: EncodedQuestions, calibration: Calibration, categories: tuple[str, ...]
) -> Callable[[Tensor], Tensor]:
    """B×cells×K raw counts → B×21 logits, the mean of the heads'; differentiable, by the unclipped counts."""
    columns = match_categories(categories, COCO_CATEGORIES)
    theirs, ours = list(columns), list(columns.values())

    def logits(raw: Tensor) -> Tensor:
        unclipped = raw.sum(dim=1)
        counts = unclipped + (raw.clamp(min=0).sum(dim=1) - unclipped).detach()
        told = capped(calibration(counts).probability[:, theirs])
        shape = (len(raw), len(COCO_CATEGORIES), ANSWERS)
        probability = told.new_zeros(shape).index_copy(1, torch.tensor(ours, device=told.device), told)
        known = torch.zeros(shape[:2], dtype=torch.bool, device=told.device)
        known[:, ours] = True
        evidence = Evidence(probability, known)
        return torch.stack([head(questions, evidence) for head in model.committee.members]).mean(dim=0)

    return logits
