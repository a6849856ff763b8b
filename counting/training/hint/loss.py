"""HINT: train a counter to base its counts on the cells where people see the objects.

Selvaraju et al., "Taking a HINT: Leveraging Explanations to Make Vision and Language Models More Grounded",
ICCV 2019. A region is a cell, the score is the predicted count of a category.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from counting.inputs.views import View
from counting.networks.counters.base import Counter, Outputs
from counting.training.hint.human_importance import HumanImportance
from counting.utils.derivatives import differentiable
from counting_datasets.scene import Scene

PHOTOS = 16
"""Maximum number of photos per batch that get the HINT loss (second derivatives are slow)."""


def importance(score: Tensor, features: Tensor, *, create_graph: bool = True) -> Tensor:
    """α of each region: the sum over its features of the score's gradient (HINT, section 4.2).

    Args:
        score: B scores (predicted counts, unclipped), each of its own photo's ``features`` alone.
        features: B×regions×D, in the graph of ``score``.
        create_graph: keep α in the graph, so that a loss on it reaches the weights.

    Returns:
        B×regions.
    """
    (gradient,) = torch.autograd.grad(score.sum(), features, create_graph=create_graph, retain_graph=True)
    total: Tensor = gradient.sum(dim=-1)
    return total


def hint_loss(importance: Tensor, human: Tensor) -> Tensor:
    """The mean of max(0, α_j − α_i) over the pairs of a photo's regions in which people rank i above j.

    (HINT, section 4.3.) ``importance`` and ``human`` are B×regions; the loss is 0 if there are no such pairs.
    """
    above = human[:, :, None] > human[:, None, :]
    misranked = (importance[:, None, :] - importance[:, :, None]).clamp(min=0)
    loss: Tensor = misranked[above].sum() / above.sum().clamp(min=1)
    return loss


@dataclass(frozen=True)
class HintLoss:
    """HINT as an auxiliary loss for any counter.

    Attributes:
        weight: λ, the weight of the HINT loss beside the count loss.
        human: the human importance of cells.
    """

    weight: float
    human: HumanImportance
    name: ClassVar[str] = "hint"

    def target(self, scene: Scene, view: View) -> Tensor:
        """Regions×K human importance."""
        return torch.from_numpy(self.human(scene, view)).float()

    def __call__(self, counter: Counter, outputs: Outputs, targets: Tensor) -> Tensor:
        """The loss of one random category, with human importance, in each of up to ``PHOTOS`` photos.

        Args:
            counter: its head is run again, with kernels that have second derivatives.
            outputs: its outputs for photos in random order; the loss has gradients for all trained weights.
            targets: B×regions×K human importance; 0 for photos and categories without it.
        """
        marked = targets.any(dim=1)
        photos = marked.any(dim=1).nonzero()[:PHOTOS, 0]
        if not len(photos):
            return outputs.features.new_zeros(())
        category = torch.multinomial(marked[photos].float(), 1)
        seen = outputs.features[photos]
        if not seen.requires_grad:
            seen.requires_grad_()
        with differentiable():
            counts = counter.raw_counts(counter.head(seen)).sum(dim=1)
        found = importance(counts.gather(1, category), seen)
        wanted = targets[photos].gather(2, category[:, None].expand(-1, targets.shape[1], -1))[..., 0]
        return hint_loss(found, wanted)
