"""HINT: train a counter to rest its counts on the cells where people see the objects.

Selvaraju et al., "Taking a HINT: Leveraging Explanations to Make Vision and Language Models More Grounded",
ICCV 2019. A region is a cell, the score is the predicted count of a category.
"""

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counting.models.counters.base import Counter
from counting.utils.derivatives import differentiable

PHOTOS = 16
"""Of a batch at most so many are grounded: second derivatives cost several passes."""

Cue = Literal["human", "random", "irrelevant"]
"""Where people see the objects; and two controls: anywhere, and everywhere else."""


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
    """The mean of max(0, α_j − α_i) over the pairs of a photo's regions of which people rank i above j.

    (HINT, section 4.3.) ``importance`` and ``human`` are B×regions; 0 where people rank nothing above anything.
    """
    above = human[:, :, None] > human[:, None, :]
    misranked = (importance[:, None, :] - importance[:, :, None]).clamp(min=0)
    loss: Tensor = misranked[above].sum() / above.sum().clamp(min=1)
    return loss


@dataclass(frozen=True)
class Grounding:
    """The grounding loss of a training run.

    Attributes:
        weight: λ, the share of the grounding loss beside the count loss.
    """

    weight: float

    def __call__(self, counter: Counter, features: Tensor, human: Tensor) -> Tensor:
        """λ times the loss of one category each of some photos, both drawn from those that people have marked.

        Args:
            features: B×regions×D, of photos in random order; the loss reaches what they were computed with.
            human: B×regions×K importance to people; all 0 where they have marked nothing.
        """
        marked = human.any(dim=1)
        photos = marked.any(dim=1).nonzero()[:PHOTOS, 0]
        if not len(photos):
            return features.new_zeros(())
        category = torch.multinomial(marked[photos].float(), 1)
        seen = features[photos]
        if not seen.requires_grad:
            seen.requires_grad_()
        with differentiable():
            counts = counter.raw_counts(counter.head(seen)).sum(dim=1)
        found = importance(counts.gather(1, category), seen)
        wanted = human[photos].gather(2, category[:, None].expand(-1, human.shape[1], -1))[..., 0]
        return self.weight * hint_loss(found, wanted)


def is_marked(scene_id: str, share: float, seed: int) -> bool:
    """Whether a scene is among the ``share`` that people have looked at; a larger share only adds scenes."""
    return zlib.crc32(f"{seed} {scene_id}".encode()) < share * 2**32


def cued(human: NDArray[np.float64], cue: Cue, seed: int) -> NDArray[np.float64]:
    """Regions × categories of what a run is told in place of the importance to people, of the marked categories.

    ``random`` is as random for each region and category, ``irrelevant`` ranks the regions the other way round
    (Shrestha, Kafle and Kanan, "A negative case analysis of visual grounding methods for VQA", ACL 2020).
    """
    marked = human.any(axis=0)
    if cue == "random":
        return np.random.default_rng(seed).random(human.shape) * marked
    if cue == "irrelevant":
        return np.asarray((human.max(axis=0) - human) * marked)
    return human
