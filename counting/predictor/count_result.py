"""The result of counting one photo: counts, intervals, cells and points, in words, as JSON and as a drawing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counting.inputs.photo_sources import PhotoSource
from counting.stats.best_guess import BestGuess, in_order, things
from counting_datasets.categories import canonical
from counting_datasets.errors import CountingError

if TYPE_CHECKING:
    import supervision

    from counting.tables.count_table import CountTable


@dataclass(frozen=True, eq=False, repr=False)
class CategoryCount:
    """The count of one category in one photo.

    Attributes:
        category: its name.
        guess: the best guess with its interval and probabilities.
        distribution: L + 1 probabilities of the counts 0, 1, … and L or more; None for an uncalibrated counter.
        points: n×3: x and y in pixels of the photo, and a weight; largest weight first. The weights sum to
            ``expected``. None for a counter that does not locate objects.
    """

    category: str
    guess: BestGuess
    distribution: NDArray[np.float32] | None
    points: NDArray[np.float64] | None

    @property
    def count(self) -> int:
        """The best guess."""
        return self.guess.count

    @property
    def expected(self) -> float:
        """The expected count: the mean of the distribution, or the raw count for an uncalibrated counter."""
        return self.guess.expected

    @property
    def low(self) -> int | None:
        """The first count of the 80 % interval; None for an uncalibrated counter."""
        return self.guess.low

    @property
    def high(self) -> int | None:
        """The last count of the 80 % interval; None for an uncalibrated counter."""
        return self.guess.high

    @property
    def probability(self) -> float | None:
        """The probability of at least one; None for an uncalibrated counter."""
        return self.guess.probability

    def __str__(self) -> str:
        return self.guess.words(self.category)

    def __repr__(self) -> str:
        return f"CategoryCount({self.category!r}, {self})"


@dataclass(frozen=True, eq=False, repr=False)
class CountResult:
    """The counts of one photo.

    Attributes:
        path: the photo's file; None for a photo in memory.
        size: (width, height) in pixels, after the photo is turned upright.
        categories: the K names that the counter counts.
        cells: cells×K float32 raw counts, row by row, clipped at 0.
    """

    path: Path | None
    size: tuple[int, int]
    categories: tuple[str, ...]
    cells: NDArray[np.float32]
    _guesses: Sequence[BestGuess]
    _distribution: NDArray[np.float32] | None
    _points: Sequence[NDArray[np.float64]] | None
    _source: PhotoSource

    @property
    def name(self) -> str:
        """The path, or the name that error messages give a photo in memory."""
        return self._source.name

    @property
    def counts(self) -> dict[str, int]:
        """Best guesses of what is probably there, most numerous first; ``result[name]`` knows all categories."""
        return {self.categories[k]: self._guesses[k].count for k in in_order(self._guesses)}

    @property
    def things(self) -> list[str]:
        """``counts`` in words: ["2 dogs", "about 3 people (1–5)", "maybe 1 car"]."""
        return things(self._guesses, self.categories)

    def __getitem__(self, category: str) -> CategoryCount:
        """The count of a category, by its name or a synonym ("couch" for "sofa").

        Raises:
            CountingError: the counter does not count it.
        """
        names = [canonical(name) for name in self.categories]
        if canonical(category) not in names:
            known = ", ".join(self.categories)
            raise CountingError(f"this counter does not count {category!r}; it counts {known}")
        k = names.index(canonical(category))
        return CategoryCount(
            self.categories[k],
            self._guesses[k],
            None if self._distribution is None else self._distribution[k],
            None if self._points is None else self._points[k],
        )

    def __iter__(self) -> Iterator[CategoryCount]:
        """The counts of all categories, in their order."""
        return (self[name] for name in self.categories)

    def to_table(self, image: str | None = None) -> "CountTable":
        """A table of one row; ``image`` is its id, by default the file's name without its ending."""
        from counting.tables.count_table import CountTable

        return CountTable(
            (image or self._stem,),
            self.categories,
            self.cells.sum(axis=0, dtype=np.float64)[None],
            self.cells[None],
            distribution=None if self._distribution is None else self._distribution[None],
        )

    def to_rows(self, image: str | None = None, file_name: str | None = None) -> list[dict[str, Any]]:
        """One JSON object per category, as ``counting predict --json`` prints them.

        ``image`` and ``file_name`` are the photo's id and name in them, by default from its file's name.
        """
        from counting.tables.table_json import json_rows

        name = image or self._stem
        rows = list(json_rows(self.to_table(name), {name: file_name or self._file_name}))
        if self._points is None:
            return rows
        return [{**row, "points": one.round(6).tolist()} for row, one in zip(rows, self._points, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON: ``file_name``, ``size``, ``counts``, ``text`` and the ``rows`` of ``to_rows``."""
        rows = self.to_rows()
        return {
            "image_id": rows[0]["image_id"],
            "file_name": self._file_name,
            "size": list(self.size),
            "counts": self.counts,
            "text": self._text,
            "rows": rows,
        }

    def to_detections(self) -> "supervision.Detections":
        """The located objects that are counted, each as a box of size 0 at its centre.

        Raises:
            CountingError: the counter does not locate, or the package supervision is not installed.
        """
        if self._points is None:
            raise CountingError("this counter does not locate objects: use a loc-sub counter")
        try:
            import supervision
        except ImportError:
            raise CountingError("to_detections needs the package supervision: pip install supervision") from None
        located = [
            (k, point) for k in in_order(self._guesses) for point in self._points[k][: self._guesses[k].count]
        ]
        if not located:
            return supervision.Detections.empty()
        points = np.stack([point for _, point in located])
        return supervision.Detections(
            xyxy=np.concatenate([points[:, :2], points[:, :2]], axis=1).astype(np.float32),
            confidence=points[:, 2].clip(0, 1).astype(np.float32),
            class_id=np.array([k for k, _ in located]),
            data={"class_name": np.array([self.categories[k] for k, _ in located])},
        )

    def draw(self) -> Image.Image:
        """The photo with its counts: a dot on each located object, or the counts of the cells if none are located.

        Raises:
            PhotoError: the photo can no longer be read.
        """
        from counting.utils.drawing import draw_cells
        from counting.utils.point_drawing import draw_points

        photo = self._source.open()
        if self._points is None:
            return draw_cells(photo, self.cells, self.categories, self.things)
        shown = in_order(self._guesses)
        located = {self.categories[k]: self._points[k][: self._guesses[k].count] for k in shown}
        return draw_points(photo, located, self.things)

    @property
    def _file_name(self) -> str:
        return self.path.name if self.path else self._source.name

    @property
    def _stem(self) -> str:
        return self.path.stem if self.path else self._source.name

    @property
    def _text(self) -> str:
        return ", ".join(self.things) or "no known objects"

    def __str__(self) -> str:
        return f"{self._file_name}: {self._text}"

    def __repr__(self) -> str:
        width, height = self.size
        return f"CountResult({self._file_name!r}, {width}×{height}, {self._text})"
