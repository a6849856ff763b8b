"""Counting in batches of columns, as Ray Data, Daft, Spark and Hugging Face datasets pass them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting.bulk.rows import Contents, NamedPhoto, Row, count_batch
from counting.inputs.photo_sources import PhotoSource
from counting.inputs.storage import REMOTE, RemotePhoto
from counting.predictor.predictor import Predictor, load
from counting_datasets.errors import CountingError

PHOTO_COLUMNS = ("bytes", "path")
"""The columns that hold the photos; the first that a batch has is read."""

Columns = dict[str, NDArray[Any]]
"""Name of a column → N values."""


class CountBatch:
    """Counts the photos of a batch; pass the class itself to a framework that makes one instance per process.

    Examples:
        >>> import numpy as np
        >>> count = CountBatch("voc2007-aso-sub")
        >>> list(count({"path": np.array(["missing.jpg"])}))[:3]
        ['path', 'text', 'error']
    """

    def __init__(self, counter: Any = None, **options: Any) -> None:
        """Load a counter, to be used with one torch thread.

        Args:
            counter: a counter's name or file, as for ``counting.load``.
            options: other arguments of ``counting.load``.

        Raises:
            CountingError: no such counter.
        """
        import torch

        torch.set_num_threads(1)
        self._predictor: Predictor = load(counter, **options)
        self.categories = self._predictor.categories
        self._blank = self._predictor.count(np.zeros((32, 32, 3), np.uint8)).to_table("blank")

    def __call__(self, batch: Mapping[str, Any]) -> Columns:
        """The columns of the batch except ``bytes``, and the counts of its photos.

        Args:
            batch: N image files in ``bytes``, or N paths or URLs in ``path``, and any other columns.

        Returns:
            The columns of the batch except ``bytes``, and

            - ``text``: N strings, the counts in words.
            - ``error``: N strings, why a photo could not be counted; empty for the others.
            - one column per category: N float64, raw counts; NaN for photos that could not be counted.
            - ``cell_counts``: N×(cells·K) float32, and for a calibrated counter ``distribution``: N×(K·(L + 1))
              float32, as in a Parquet file of ``counting predict``; NaN for photos that could not be counted.

        Raises:
            CountingError: there is no column of photos.
        """
        photos = [NamedPhoto(source, "", str(number)) for number, source in enumerate(_sources(batch))]
        rows = count_batch(self._predictor, photos, Contents())
        kept = {name: np.asarray(values) for name, values in batch.items() if name != "bytes"}
        return {**kept, **self._columns(rows)}

    def _columns(self, rows: Sequence[Row]) -> Columns:
        like = self._blank
        counts = _stacked([row.numbers("counts") for row in rows], like.counts)
        columns = {
            "text": np.array([row.text for row in rows], dtype=object),
            "error": np.array([row.error for row in rows], dtype=object),
            **{name: counts[:, k] for k, name in enumerate(self.categories)},
        }
        if like.cells is not None:
            columns["cell_counts"] = _stacked([row.numbers("cells") for row in rows], like.cells)
        if like.distribution is not None:
            columns["distribution"] = _stacked([row.numbers("distribution") for row in rows], like.distribution)
        return columns


def _sources(batch: Mapping[str, Any]) -> list[PhotoSource]:
    """The photos of a batch, from its first column of ``PHOTO_COLUMNS``.

    Raises:
        CountingError: it has none.
    """
    column = next((name for name in PHOTO_COLUMNS if name in batch), None)
    if column is None:
        raise CountingError(f"a batch needs a column bytes or path, not only {', '.join(batch)}")
    if column == "bytes":
        return [PhotoSource(bytes(content), f"photo {n}") for n, content in enumerate(batch[column], 1)]
    paths = [str(path) for path in batch[column]]
    return [PhotoSource.of(RemotePhoto(path) if REMOTE in path else path) for path in paths]


def _stacked(numbers: Sequence[NDArray[Any] | None], like: NDArray[Any]) -> NDArray[Any]:
    """N rows of numbers, flattened; NaN where there are none."""
    stacked = np.full((len(numbers), like.size), np.nan, dtype=like.dtype)
    for place, one in zip(stacked, numbers, strict=True):
        if one is not None:
            place[:] = one
    return stacked
