"""A detector as a counter: it counts its boxes, by a fitted rule or those with a score of at least one half."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counting.detection.counter_file import BoxCounter, read_box_counter
from counting.detection.detect import FIXED_THRESHOLD
from counting.detection.detectors.base import Detector, PhotoBoxes
from counting.detection.detectors.registry import find_detector, split_counter_file
from counting.inputs.grid import Grid
from counting.inputs.photo_sources import PhotoSource
from counting.networks.locating import scaled_to
from counting.predictor.count_result import CountResult
from counting.stats.best_guess import best_guesses
from counting.stats.count_distribution import SHOWN_FROM
from counting_datasets.categories import match_categories
from counting_datasets.errors import CountingError, PhotoError

if TYPE_CHECKING:
    import torch

GRID = Grid(3)
"""The cells in which the centres of boxes are counted."""


def load_engine(
    what: str, device: "str | torch.device | None" = None, categories: Sequence[str] = ()
) -> "DetectorEngine":
    """The engine of a detector, with the fitted counter whose file follows it, if any (``…+FILE.counter.json``).

    Raises:
        CountingError: as for ``find_detector`` and ``read_box_counter``, or the detector lacks a fitted category.
    """
    name, file = split_counter_file(what)
    counter = None if file is None else read_box_counter(file)
    return DetectorEngine(find_detector(name, device, categories, counter.categories if counter else ()), counter)


class DetectorEngine:
    """The engine of a detector; without a fitted ``counter`` its counts are not calibrated."""

    def __init__(self, detector: Detector, counter: BoxCounter | None = None) -> None:
        self._detector = detector
        self._counter = counter
        self._rule = FIXED_THRESHOLD if counter is None else counter.chosen
        self.categories = detector.categories if counter is None else counter.categories
        match = match_categories(detector.categories, self.categories)
        lacking = [name for k, name in enumerate(self.categories) if k not in match.values()]
        if lacking:
            raise CountingError(f"the fitted counter counts {lacking[0]!r}, which the detector does not find")
        self._column = np.array([match.get(k, -1) for k in range(len(detector.categories))], dtype=np.int64)

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
            yield source, self._result(source, self._detector.detect(photo), photo.size)

    def distribution(self, raw: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """…×K raw counts → …×K×(L + 1) probabilities of the counts 0, 1, …; None without a fitted counter."""
        return None if self._counter is None else self._counter.calibration.distribution(raw)

    def _result(self, source: PhotoSource, boxes: PhotoBoxes, size: tuple[int, int]) -> CountResult:
        points = self._points(boxes)
        cells = _cells(points, size)
        raw = cells.sum(axis=0, dtype=np.float64)
        distribution = self.distribution(raw)
        shown_from = SHOWN_FROM if self._counter is None else self._counter.calibration.shown_from
        guesses = best_guesses(raw, distribution, shown_from)
        return CountResult(
            path=source.path,
            size=size,
            categories=self.categories,
            cells=cells,
            _guesses=guesses,
            _distribution=distribution,
            _points=tuple(scaled_to(guess.expected, one) for guess, one in zip(guesses, points, strict=True)),
            _source=source,
        )

    def _points(self, boxes: PhotoBoxes) -> tuple[NDArray[np.float64], ...]:
        """For each category n×3: x, y and worth of the boxes that count, largest worth first."""
        column = self._column[boxes.category]
        counted = column >= 0
        column, corners, scores = column[counted], boxes.corners[counted], boxes.scores[counted]
        worth = self._rule.worth(column, scores)
        points = np.column_stack([(corners[:, :2] + corners[:, 2:]) / 2, worth])
        order = np.lexsort((-scores, -worth))
        column, points = column[order], points[order]
        return tuple(points[(column == k) & (points[:, 2] > 0)] for k in range(len(self.categories)))


def _cells(points: tuple[NDArray[np.float64], ...], size: tuple[int, int]) -> NDArray[np.float32]:
    """Cells×K: the sum of the weights of each category's points in each cell."""
    cells = np.zeros((GRID.cells, len(points)), dtype=np.float32)
    for k, of_category in enumerate(points):
        shares = np.clip(of_category[:, :2] / size * GRID.side, 0, GRID.side - 1).astype(np.int64)
        np.add.at(cells[:, k], shares[:, 1] * GRID.side + shares[:, 0], of_category[:, 2])
    return cells
