"""HINT for the how-many head, and questions whose priors change."""

import pytest
import torch
from torch.autograd import grad

from counting.questions.how_many.encoding import encode, read_questions
from counting.questions.how_many.evidence import Evidence, sure
from counting.questions.how_many.head import HowManyHead
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.questions import Question
from recipes.changed_priors import changed_priors
from recipes.head_grounding import HeadGrounding, answer_importance

QUESTIONS = ["how many dogs are there?", "how many people are there?", "how many windows are there?"]
DOG = COCO_CATEGORIES.index("dog")


def photos() -> Evidence:
    counts = torch.zeros(3, len(COCO_CATEGORIES))
    counts[:, DOG] = 2
    return sure(counts)


def targets(*answers: int) -> torch.Tensor:
    return torch.eye(21)[list(answers)]


@pytest.fixture(scope="module")
def head() -> HowManyHead:
    torch.manual_seed(0)
    return HowManyHead().eval()


def test_importance_is_the_summed_gradient_of_the_right_answers_logit(head: HowManyHead) -> None:
    questions, evidence = encode(read_questions(QUESTIONS)), photos()
    found = answer_importance(head, questions, evidence, targets(2, 0, 1))
    probability = evidence.probability.clone().requires_grad_()
    logits = head(questions, Evidence(probability, evidence.known))
    (expected,) = grad(logits[0, 2] + logits[1, 0] + logits[2, 1], probability)
    assert torch.allclose(found, expected.sum(dim=2), atol=1e-6)


def test_people_mark_what_is_asked_for(head: HowManyHead) -> None:
    questions, evidence = encode(read_questions(QUESTIONS)), photos()
    marks = {
        cue: HeadGrounding(1.0, cue=cue).marks(questions, evidence, torch.Generator().manual_seed(0))
        for cue in ("human", "random", "irrelevant")
    }
    assert marks["human"][0].nonzero().tolist() == [[DOG]]
    assert marks["irrelevant"][0, DOG] == 0
    assert marks["irrelevant"][0].sum() == len(COCO_CATEGORIES) - 1
    for of_cue in marks.values():
        assert not of_cue[2].any(), "windows are no category"
    none = HeadGrounding(1.0, share=0.0).marks(questions, evidence, torch.Generator())
    assert HeadGrounding(1.0)(head, questions, evidence, targets(2, 0, 1), none) == 0


def test_the_loss_reaches_the_head(head: HowManyHead) -> None:
    questions, evidence = encode(read_questions(QUESTIONS)), photos()
    grounding = HeadGrounding(1.0, cue="random")
    marks = grounding.marks(questions, evidence, torch.Generator().manual_seed(0))
    head.zero_grad()
    loss = grounding(head, questions, evidence, targets(2, 0, 1), marks)
    torch.autograd.backward(loss)
    assert loss > 0
    assert head.by_parser.grad is not None
    assert head.by_parser.grad.any()


def test_each_nouns_answers_differ_between_training_and_testing_and_photos_are_on_one_side() -> None:
    asked = [(noun, answer) for noun in ("dogs", "cats") for answer in (1, 1, 1, 2, 2, 3) for _ in range(5)]
    questions = [
        Question(id=number, image=str(number // 2), text=f"how many {noun} are there?", answer=answer)
        for number, (noun, answer) in enumerate(asked)
    ]
    train, test = changed_priors(questions, [noun for noun, _ in asked])
    for noun in ("dogs", "cats"):
        answers = [{one.answer for one in side if noun in one.text} for side in (train, test)]
        assert not answers[0] & answers[1]
        assert answers[0]
        assert answers[1]
    assert not {one.image for one in train} & {one.image for one in test}
