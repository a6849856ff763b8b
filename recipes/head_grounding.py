"""HINT for the how-many head: train it to base its answer on the counts of the categories that are asked for.

Selvaraju et al., ICCV 2019. Here the regions are the categories, their features are their count distributions, and
the human importance is that of the categories that a question asks for.
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
"""Maximum number of questions per batch that get the HINT loss (second derivatives are slow)."""


@dataclass(frozen=True)
class HeadGrounding:
    """The grounding loss of a how-many head.

    Attributes:
        weight: λ, the weight beside the cross-entropy of the answers.
        share: the share of the questions with human importance.
        cue: ``human``, or one of the controls.
    """

    weight: float
    share: float = 1.0
    cue: Cue = "human"

    def __call__(
        self, head: HowManyHead, questions: EncodedQuestions, evidence: Evidence, target: Tensor, marks: Tensor
    ) -> Tensor:
        """λ times the loss of B questions; ``marks`` is B×80, all 0 for questions without human importance."""
        rows = marks.any(dim=1).nonzero()[:QUESTIONS, 0]
        if not len(rows):
            return target.new_zeros(())
        found = answer_importance(head, questions[rows], evidence[rows], target[rows], create_graph=True)
        return self.weight * hint_loss(found, marks[rows])

    def marks(self, questions: EncodedQuestions, evidence: Evidence, generator: torch.Generator) -> Tensor:
        """B×80: the importance of the categories, in ``share`` of the questions about known categories."""
        asked = asked_categories(questions, evidence).float()
        human = asked / asked.sum(dim=1, keepdim=True).clamp(min=1)
        marked = human.any(dim=1, keepdim=True)
        importance_by_cue = {
            "human": human,
            "random": torch.rand(human.shape, generator=generator),
            "irrelevant": human.amax(dim=1, keepdim=True) - human,
        }
        chosen = torch.rand(len(human), 1, generator=generator) < self.share
        return importance_by_cue[self.cue] * (marked & chosen)


def answer_importance(
    head: HowManyHead,
    questions: EncodedQuestions,
    evidence: Evidence,
    target: Tensor,
    *,
    create_graph: bool = False,
) -> Tensor:
    """B×80: the importance of each category's count for the logit of the likeliest answer in ``target``."""
    probability = evidence.probability.detach().requires_grad_()
    logits = head(questions, Evidence(probability, evidence.known))
    right = logits.gather(1, target.argmax(dim=1, keepdim=True))
    return importance(right, probability, create_graph=create_graph)
