"""A detector as a counter: it counts its boxes with a score of at least one half."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.functional import pil_to_tensor

from counting.detection.detector import build_detector
from counting.inputs.grid import Grid
from counting.inputs.photo_sources import PhotoSource
from counting.predictor.count_result import CountResult
from counting.stats.best_guess import best_guesses
from counting.utils.devices import find_device
from counting_datasets.errors import PhotoError

if TYPE_CHECKING:
    from PIL import Image

MIN_SCORE = 0.5
"""Smallest score of a box that counts."""

GRID = Grid(3)
"""The cells in which the centres of boxes are counted."""


class DetectorEngine:
    """The engine of a torchvision detector, whose counts are not calibrated."""

    def __init__(self, name: str, device: "str | torch.device | None") -> None:
        architecture, _, file = name.partition("@")
        self._device = find_device(device)
        model, classes = build_detector(architecture, Path(file) if file else None)
        self._model = model.to(self._device)
        things = [label for label, name in enumerate(classes) if _is_thing(name)]
        self._columns = {label: k for k, label in enumerate(things)}
        self.categories = tuple(classes[label] for label in things)

    def stream(
        self, sources: Iterator[PhotoSource], workers: int
    ) -> Iterator[tuple[PhotoSource, CountResult | PhotoError]]:
        """Each photo with its counts, in order; ``workers`` is ignored: photos are counted one at a time."""
        for source in sources:
            try:
                photo = source.open()
            except PhotoError as error:
                yield source, error
                continue
            yield source, self._result(source, photo)

    def _result(self, source: PhotoSource, photo: "Image.Image") -> CountResult:
        with torch.inference_mode():
            output = self._model([pil_to_tensor(photo).float().to(self._device) / 255])[0]
        labels, boxes, scores = (output[key].tolist() for key in ("labels", "boxes", "scores"))
        centres = [
            (self._columns[label], (x0 + x1) / 2, (y0 + y1) / 2)
            for label, (x0, y0, x1, y1), score in zip(labels, boxes, scores, strict=True)
            if score >= MIN_SCORE and label in self._columns
        ]
        points = tuple(_points(centres, k) for k in range(len(self.categories)))
        cells = _cells(points, photo.size)
        return CountResult(
            path=source.path,
            size=photo.size,
            categories=self.categories,
            cells=cells,
            _guesses=best_guesses(cells.sum(axis=0), None),
            _distribution=None,
            _points=points,
            _source=source,
        )


def _is_thing(name: str) -> bool:
    """Whether a class names objects: torchvision also lists the background and unused classes."""
    return name not in ("__background__", "N/A")


def _points(centres: list[tuple[int, float, float]], category: int) -> NDArray[np.float64]:
    """n×3: x, y and weight 1 of one category's boxes."""
    return np.array([(x, y, 1.0) for k, x, y in centres if k == category], dtype=np.float64).reshape(-1, 3)


def _cells(points: tuple[NDArray[np.float64], ...], size: tuple[int, int]) -> NDArray[np.float32]:
    """Cells×K: number of points of each category in each cell."""
    cells = np.zeros((GRID.cells, len(points)), dtype=np.float32)
    for k, of_category in enumerate(points):
        shares = np.clip(of_category[:, :2] / size * GRID.side, 0, GRID.side - 1).astype(np.int64)
        np.add.at(cells[:, k], shares[:, 1] * GRID.side + shares[:, 0], 1)
    return cells
