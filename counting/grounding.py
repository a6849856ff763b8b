"""HINT: train a counter to rest its counts on the cells where people see the objects.

Selvaraju et al., "Taking a HINT: Leveraging Explanations to Make Vision and Language Models More Grounded",
ICCV 2019. A region is a cell, the score is the predicted count of a category.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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

    def __call__(self, raw: Tensor, features: Tensor, human: Tensor) -> Tensor:
        """λ times the loss for one category of each photo, drawn from those that people have marked.

        Args:
            raw: B×cells×K raw counts, in the graph of ``features``.
            features: B×regions×D.
            human: B×regions×K importance to people; all 0 where they have marked nothing.
        """
        marked = human.sum(dim=1) > 0
        some = marked.any(dim=1)
        if not some.any():
            return raw.new_zeros(())
        category = torch.multinomial(marked[some].float(), 1)
        score = raw[some].sum(dim=1).gather(1, category)
        regions = importance(score, features)[some]
        wanted = human[some].gather(2, category[:, None].expand(-1, human.shape[1], -1))[..., 0]
        return self.weight * hint_loss(regions, wanted)


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


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Within it recurrent layers run without cuDNN, whose gradients cannot be differentiated again."""
    with torch.backends.cudnn.flags(enabled=False):
        yield
