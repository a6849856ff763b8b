"""The explanation of a count, an answer or a class score, as arrays and pictures of the photo's size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from counting.explain.figure import Panel, counted_cells, details, overlay, side_by_side, thumbnail
from counting.explain.grad_cam import Cam, to_size

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Subject:
    """What an explanation is about.

    Attributes:
        heading: what was found, such as "2 dogs (1–3)".
        evidence: the title of the map, such as "evidence for dog".
        against: the title of the counterfactual map.
        score: the score in words, for an empty map, such as "the counter counts 0.1".
        category: the counted category or the class; None for a question.
        question: the question; None for a category.
        note: a line on how to read the map, if needed.
    """

    heading: str
    evidence: str
    against: str
    score: str
    category: str | None = None
    question: str | None = None
    note: str | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where in a photo a count, or another score, comes from.

    Attributes:
        photo: RGB, H×W.
        subject: what is explained.
        score: the score explained: the sum of the cells' raw counts, an answer's logit, or a classifier's score.
        cells: g² raw counts, clipped at 0, row by row; None for a model that is not a counter.
        map: H×W, 0–1: evidence for the score. Its maximum is 1, unless it is all zeros.
        against: H×W, 0–1: the counterfactual map, of evidence against the score.
        why_empty: why ``map`` is all zeros; None if it is not.
        why_nothing_against: the same for ``against``.
        guided: H×W×3, Guided Grad-CAM, from −1 to 1; None unless asked for.
    """

    photo: Image.Image
    subject: Subject
    score: float
    cells: Map | None
    map: Map
    against: Map
    why_empty: str | None
    why_nothing_against: str | None
    guided: Map | None = None

    def __repr__(self) -> str:
        height, width = self.map.shape
        return f"Explanation({self.subject.heading!r}, score={self.score:.2f}, map={height}×{width})"

    def overlay(self, *, counterfactual: bool = False) -> Image.Image:
        """The photo, glowing where there is evidence for the score, or against it."""
        return overlay(self.photo, self.against if counterfactual else self.map, against=counterfactual)

    def figure(self, *, counterfactual: bool = False) -> Image.Image:
        """The photo with the counts of its cells, beside the map.

        The counterfactual map is added on request, Guided Grad-CAM if the explanation has it.
        """
        subject = self.subject
        panels = [
            counted_cells(self.photo, self.cells, subject.heading),
            Panel(thumbnail(self.photo, self.map), self.why_empty or subject.evidence, subject.note),
        ]
        if counterfactual:
            against = thumbnail(self.photo, self.against, against=True)
            panels.append(Panel(against, self.why_nothing_against or subject.against))
        if self.guided is not None:
            panels.append(Panel(details(self.photo, self.guided), f"details of the {subject.evidence}"))
        return side_by_side(panels)


def explanation(
    photo: Image.Image,
    cam: Cam,
    row: int,
    subject: Subject,
    *,
    cells: Map | None = None,
    guided: Map | None = None,
) -> Explanation:
    """The explanation of score ``row`` from a Grad-CAM of one photo."""
    empty, nothing = (cam.why_empty(0, row, counterfactual=against) for against in (False, True))
    return Explanation(
        photo,
        subject,
        float(cam.scores[0, row]),
        cells,
        _at_size(cam.maps[0, row], photo.size),
        _at_size(cam.counterfactuals[0, row], photo.size),
        empty and f"{empty}; {subject.score}",
        nothing and f"{nothing}; {subject.score}",
        guided,
    )


def _at_size(values: Tensor, size: tuple[int, int]) -> Map:
    """An h×w map as height×width, its maximum 1."""
    large = to_size(values.float(), size[1], size[0])
    largest = large.max()
    scaled: Map = (large / largest if largest > 0 else large).cpu().numpy()
    return scaled
