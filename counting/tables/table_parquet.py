"""CountTables as Parquet.

The columns are those of the CSV, with ``cell_counts`` (cells × categories) and ``distribution`` (categories ×
counts) before ``error``, each a fixed-size list per image.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting.tables.count_table import CountTable
from counting.tables.table_csv import ERROR, is_image_header
from counting_datasets.errors import DataError

_CELLS, _DISTRIBUTION = _LISTS = ("cell_counts", "distribution")


def read_parquet(path: Path) -> CountTable:
    """Read counts, without the photos that could not be counted.

    Raises:
        DataError: the file is not Parquet, or its columns are not those of counts.
    """
    import pyarrow as pa

    try:
        return _table(path)
    except DataError:
        raise
    except (pa.ArrowException, ValueError, OverflowError, MemoryError) as error:  # ValueError: names not in UTF-8
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"not a Parquet file ({reason})") from None


def _table(path: Path) -> CountTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    stored = _without_errors(pq.ParquetFile(path).read())
    if not stored.column_names or not is_image_header(stored.column_names[0]):
        raise DataError("the first column must be `image`")
    if stored.columns[0].null_count:
        raise DataError("an image has no id")
    sizes = {name: size for name in _LISTS if (size := (stored.schema.metadata or {}).get(_size_key(name)))}
    categories = stored.column_names[1 : len(stored.column_names) - len(sizes)]
    columns = stored.columns[1 : 1 + len(categories)]
    for name, column in zip(categories, columns, strict=True):
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)) or column.null_count:
            raise DataError(f"column {name!r} contains values that are not numbers")
    counts = np.array([column.to_numpy() for column in columns], dtype=np.float64).T
    images = [str(image) for image in stored.columns[0].to_pylist()]
    lists = {
        name: _read_lists(column, name, int(size), len(categories))
        for column, (name, size) in zip(stored.columns[1 + len(categories) :], sizes.items(), strict=True)
    }
    cells, distribution = lists.get(_CELLS), lists.get(_DISTRIBUTION)
    by_cell = None if cells is None else cells.reshape(len(images), int(sizes[_CELLS]), len(categories))
    if distribution is not None:
        distribution = distribution.reshape(len(images), len(categories), int(sizes[_DISTRIBUTION]))
    return CountTable.from_rows(images, categories, counts, by_cell, distribution=distribution)


def _without_errors(stored: Any) -> Any:
    """The rows without an error, and without the column of errors."""
    import pyarrow as pa

    names = stored.column_names
    if not names or names[-1] != ERROR or not pa.types.is_string(stored.columns[-1].type):
        return stored
    counted = [not error for error in stored.columns[-1].to_pylist()]
    return stored.drop_columns([ERROR]).filter(pa.array(counted, pa.bool_()))


def _read_lists(column: Any, name: str, size: int, categories: int) -> NDArray[np.float32]:
    """The numbers of a column of lists, ``size`` for each category."""
    import pyarrow as pa

    if column.type != pa.list_(pa.float32(), size * categories) or column.null_count:
        raise DataError(f"column {name!r} does not contain {size} numbers per category")
    return np.concatenate([np.zeros(0, np.float32), *(chunk.flatten().to_numpy() for chunk in column.chunks)])


def write_parquet(table: CountTable, path: Path) -> None:
    """Write ``table`` with its cells and distributions."""
    import pyarrow.parquet as pq

    pq.write_table(arrow_table(table), path)


def arrow_table(table: CountTable) -> Any:
    """``table`` as the ``pyarrow.Table`` that a Parquet file holds."""
    import pyarrow as pa

    names = ["image", *table.categories]
    columns = [text_array(table.images), *(pa.array(column) for column in table.counts.T)]
    metadata = {}
    for name, numbers in zip(_LISTS, (table.cells, table.distribution), strict=True):
        if numbers is None:
            continue
        flat = np.ascontiguousarray(numbers, dtype=np.float32).ravel()
        length = numbers.shape[1] * numbers.shape[2]
        names.append(name)
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat), length))
        metadata[_size_key(name)] = str(length // len(table.categories)).encode()
    return pa.Table.from_arrays(columns, names=names, metadata=metadata)


def text_array(texts: Sequence[str | None]) -> Any:
    """A ``pyarrow`` array of strings; undecodable bytes of file names are escaped."""
    import pyarrow as pa

    escaped = [None if text is None else text.encode("utf-8", "backslashreplace").decode() for text in texts]
    return pa.array(escaped, pa.string())


def _size_key(name: str) -> bytes:
    """The metadata key of the number of entries per category."""
    return f"counting.{name}".encode()
