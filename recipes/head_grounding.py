"""HINT for the how-many head: an answer must rest on the counts of what the question is about.

Selvaraju et al., ICCV 2019; here the regions are the categories, their features the distributions of their counts,
and what people find important are the categories that a question asks for.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from counting.questions.how_many.encoding import EncodedQuestions
from counting.questions.how_many.evidence import Evidence, asked_categories
from counting.questions.how_many.head import HowManyHead
from counting.training.hint.human_importance import Cue
from counting.training.hint.loss import hint_loss, importance

QUESTIONS = 32
"""Of a batch at most so many are grounded: second derivatives cost several passes."""


@dataclass(frozen=True)
class HeadGrounding:
    """The grounding loss of a how-many head.

    Attributes:
        weight: λ, beside the cross-entropy of the answers.
        share: of the questions that people have marked.
        cue: ``human``, or a control.
    """

    weight: float
    share: float = 1.0
    cue: Cue = "human"

    def __call__(
        self, head: HowManyHead, questions: EncodedQuestions, evidence: Evidence, target: Tensor, marks: Tensor
    ) -> Tensor:
        """λ times the loss, of B questions; ``marks`` is B×80, all 0 of a question that nobody has marked."""
        rows = marks.any(dim=1).nonzero()[:QUESTIONS, 0]
        if not len(rows):
            return target.new_zeros(())
        found = answer_importance(head, questions[rows], evidence[rows], target[rows], create_graph=True)
        return self.weight * hint_loss(found, marks[rows])

    def marks(self, questions: EncodedQuestions, evidence: Evidence, generator: torch.Generator) -> Tensor:
        """B×80: what the head is told is important, in ``share`` of the questions about known categories."""
        asked = asked_categories(questions, evidence).float()
        human = asked / asked.sum(dim=1, keepdim=True).clamp(min=1)
        marked = human.any(dim=1, keepdim=True)
        told = {
            "human": human,
            "random": torch.rand(human.shape, generator=generator),
            "irrelevant": human.amax(dim=1, keepdim=True) - human,
        }[self.cue]
        looked_at = torch.rand(len(human), 1, generator=generator) < self.share
        return told * (marked & looked_at)


def answer_importance(
    head: HowManyHead,
    questions: EncodedQuestions,
    evidence: Evidence,
    target: Tensor,
    *,
    create_graph: bool = False,
) -> Tensor:
    """B×80: how important each category's count is for the logit of the right answer, the likeliest of ``target``.

    The same gradients trace an answer back to a photo: the chain goes on through a counter's calibration.
    """
    probability = evidence.probability.detach().requires_grad_()
    logits = head(questions, Evidence(probability, evidence.known))
    right = logits.gather(1, target.argmax(dim=1, keepdim=True))
    return importance(right, probability, create_graph=create_graph)
