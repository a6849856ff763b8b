"""The model for "how many …?": the head, the question alone, the prior, and their fusions; and its file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as serialize
from torch import Tensor
from torch.nn.functional import one_hot

from counting.questions.how_many.encoding import EncodedQuestions
from counting.questions.how_many.evidence import ANSWERS, Evidence, asked_categories, count_prior, nothing
from counting.questions.how_many.fusion import Fusion, signs_of
from counting.questions.how_many.head import HeadCommittee
from counting.utils.files import write_bytes
from counting.utils.weights_files import read_weights
from counting_datasets.errors import CountingError

HOW_MANY_FILE = Path(__file__).parents[2] / "networks" / "zoo" / "questions" / "how-many.safetensors"
HOW_MANY_FORMAT = "everyday-counting/how-many/3"

QUESTION, PRIOR, HEAD = "question", "prior", "head"
FUSIONS: Mapping[str, tuple[str, ...]] = {
    f"{QUESTION} + {PRIOR}": (QUESTION, PRIOR),
    f"{HEAD} + {PRIOR}": (HEAD, PRIOR),
    f"{QUESTION} + {PRIOR} + {HEAD}": (QUESTION, PRIOR, HEAD),
}
INJECTION = f"{QUESTION} + {PRIOR}"
BEST_METHOD = f"{HEAD} + {PRIOR}"
"""The method most often right on validation questions."""
_BATCH = 512


@dataclass(frozen=True, eq=False)
class HowMany:
    """Answers questions about photos from the distributions of their counts.

    Attributes:
        committee: the how-many head.
        fusions: the fitted weights of ``FUSIONS``, by name.
        commonest: the commonest answer in training, used for the prior alone where it has no answer.
        card: what it was trained on and how it scored.
    """

    committee: HeadCommittee
    fusions: Mapping[str, Fusion]
    commonest: int
    card: Mapping[str, Any]

    def head(self, questions: EncodedQuestions, evidence: Evidence) -> Tensor:
        """B questions and the counts of their photos → B×21 probabilities of 0, 1, … and 20 or more."""
        found = []
        with torch.no_grad():
            for start in range(0, len(questions), _BATCH):
                rows = torch.arange(start, min(start + _BATCH, len(questions)))
                found.append(self.committee(questions[rows], evidence[rows]).exp())
        return torch.cat(found) if found else torch.zeros(0, ANSWERS)

    def answers(self, questions: EncodedQuestions, evidence: Evidence) -> dict[str, Tensor]:
        """B×21 probabilities by method: the question alone, the prior alone, the head, and the ``FUSIONS``.

        "question" is the head without counts; "prior" is the distribution of the count asked for.
        """
        experts, signs = self.experts(questions, evidence)
        found = dict(experts)
        silent = ~experts[PRIOR].any(dim=1)
        found[PRIOR] = torch.where(silent[:, None], one_hot(torch.tensor(self.commonest), ANSWERS), found[PRIOR])
        for name, fusion in self.fusions.items():
            found[name] = fusion([experts[part] for part in FUSIONS[name]], signs).exp()
        return found

    def experts(self, questions: EncodedQuestions, evidence: Evidence) -> tuple[dict[str, Tensor], Tensor]:
        """The inputs of a fusion: B×21 by expert, zeros where the prior has no answer; and the signs."""
        experts = {
            QUESTION: self.head(questions, nothing(len(questions))),
            PRIOR: count_prior(questions, evidence),
            HEAD: self.head(questions, evidence),
        }
        return experts, signs_of(questions, asked_categories(questions, evidence), experts[PRIOR])


def save_how_many(model: HowMany, path: Path) -> None:
    """Write the head in half precision, the fusions' weights and the card, atomically."""
    tensors = {f"committee.{name}": tensor.half() for name, tensor in model.committee.state_dict().items()}
    for name, fusion in model.fusions.items():
        tensors |= {f"fusion.{name}.{key}": tensor for key, tensor in fusion.state_dict().items()}
    metadata = {
        "format": HOW_MANY_FORMAT,
        "members": str(len(model.committee.members)),
        "commonest": str(model.commonest),
        "card": json.dumps(model.card),
    }
    write_bytes(path, serialize({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata))


def load_how_many(path: Path) -> HowMany:
    """Read what ``save_how_many`` wrote, in evaluation mode.

    Raises:
        CountingError: the file is missing, truncated or corrupt, or is not a how-many head of this version.
    """
    header, stored = read_weights(path, "how-many head", HOW_MANY_FORMAT)
    tensors = {name: tensor.float() for name, tensor in stored.items()}
    try:
        committee = HeadCommittee(int(header["members"]))
        committee.load_state_dict(_under("committee.", tensors))
        fusions = {name: Fusion(len(parts)) for name, parts in FUSIONS.items()}
        for name, fusion in fusions.items():
            fusion.load_state_dict(_under(f"fusion.{name}.", tensors))
        card = json.loads(header["card"])
        commonest = int(header["commonest"])
    except (KeyError, ValueError, RuntimeError):
        raise CountingError(f"{path}: corrupt how-many head") from None
    for module in (committee, *fusions.values()):
        module.eval().requires_grad_(False)
    return HowMany(committee, fusions, commonest, card)


@cache
def shipped() -> HowMany:
    """The how-many head that comes with the package."""
    return load_how_many(HOW_MANY_FILE)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
