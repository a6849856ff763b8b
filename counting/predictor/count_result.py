"""The result of counting one photo: counts, intervals, cells and points, in words, as JSON and as a drawing."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counting.inputs.photo_sources import PhotoSource
from counting.predictor.category_counts import CategoryCounts
from counting.stats.best_guess import in_order
from counting_datasets.errors import CountingError

if TYPE_CHECKING:
    import supervision

    from counting.predictor.region_counts import RegionCounts
    from counting.tables.count_table import CountTable


@dataclass(frozen=True, eq=False, repr=False)
class CountResult(CategoryCounts):
    """The counts of one photo.

    Attributes:
        path: the photo's file; None for a photo in memory.
        size: (width, height) in pixels, after the photo is turned upright.
        cells: cells×K float32 raw counts, row by row, clipped at 0.
    """

    path: Path | None
    size: tuple[int, int]
    cells: NDArray[np.float32]
    _source: PhotoSource

    @property
    def name(self) -> str:
        """The path, or the name that error messages give a photo in memory."""
        return self._source.name

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

        ``image`` and ``file_name`` are the photo's id and name in these objects; by default, they are taken from
        the name of the photo's file.
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
            "text": self.text,
            "rows": rows,
        }

    def in_regions(self, regions: Any) -> list["RegionCounts"]:
        """The counts of parts of the photo.

        An object belongs to each region that contains its centre; without located objects, each cell's count is
        spread evenly over the cell. The counts, expected counts and points of regions that divide the photo sum
        to the photo's.

        Args:
            regions: a file as ``counting predict --region`` takes it, or its content: a polygon (n×2 pixels), a
                list of polygons, or a name → polygon dictionary.

        Raises:
            CountingError: the file cannot be read, or does not describe regions.
        """
        from counting.predictor.region_counts import count_regions
        from counting.predictor.regions import read_regions

        return count_regions(self, self.cells, self.size, read_regions(regions))

    def to_detections(self) -> "supervision.Detections":
        """The located objects that are counted, each as a box of size 0 at its centre.

        Raises:
            CountingError: the counter does not locate objects, or the package supervision is not installed.
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

    def __str__(self) -> str:
        return f"{self._file_name}: {self.text}"

    def __repr__(self) -> str:
        width, height = self.size
        return f"CountResult({self._file_name!r}, {width}×{height}, {self.text})"
