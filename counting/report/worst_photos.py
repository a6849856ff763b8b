"""The photos with a counter's largest errors, as HTML figures with the evidence drawn on them."""

import base64
import math
from html import escape
from io import BytesIO

import numpy as np

from counting.evaluation.scores import Evaluation
from counting.stats.metrics import as_scored
from counting.utils.drawing import draw_evidence
from counting_datasets.errors import PhotoError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

MAX_PHOTOS = 12
"""Largest number of photos shown."""


def worst_photos(evaluation: Evaluation, scenes: SceneSet | None) -> list[str]:
    """Figures of up to ``MAX_PHOTOS`` photos by the squared error of their worst category, largest first.

    With ``scenes`` each figure shows its photo, or says that it cannot be opened.
    """
    errors = as_scored(evaluation.predicted.counts, evaluation.rounded) - evaluation.true_counts()
    squares = np.nan_to_num(errors) ** 2
    by_id = {scene.id: scene for scene in scenes or ()}
    figures = []
    for row in np.argsort(-squares.max(axis=1), kind="stable")[:MAX_PHOTOS]:
        column = int(np.argmax(squares[row]))
        if squares[row, column] > 0:
            figures.append(_figure(evaluation, int(row), column, by_id.get(evaluation.truth.images[row])))
    return figures


def _figure(evaluation: Evaluation, row: int, column: int, scene: Scene | None) -> str:
    image, category = evaluation.truth.images[row], evaluation.truth.categories[column]
    raw, true = evaluation.predicted.counts[row, column], evaluation.truth.counts[row, column]
    scored = f" → {as_scored(raw):g}" if evaluation.rounded else ""
    caption = f"{category}: {raw:.1f}{scored}, true {true:g}"
    picture = _picture(evaluation, row, column, scene) if scene else ""
    return f"<figure>{picture}<figcaption>{escape(caption)}<small>{escape(image)}</small></figcaption></figure>"


def _picture(evaluation: Evaluation, row: int, column: int, scene: Scene) -> str:
    """The photo as an inline image, with the category's true objects and, if any, the cells' counts."""
    try:
        photo = scene.image()
    except PhotoError:
        return '<div class="no-photo">photo not found</div>'
    counted = scene.counted(Protocol.parse(evaluation.protocol)) & (scene.labels == column)
    cells = evaluation.predicted.cells
    if cells is not None and cells.shape[1] > 1 and math.isqrt(cells.shape[1]) ** 2 == cells.shape[1]:
        drawn = draw_evidence(photo, scene.boxes[counted], cells[row, :, column])
    else:
        drawn = draw_evidence(photo, scene.boxes[counted])
    stored = BytesIO()
    drawn.save(stored, "JPEG", quality=82)
    encoded = base64.b64encode(stored.getvalue()).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{encoded}" alt="{escape(scene.id)}" />'
