"""A part of the rows of a long run, in a Parquet file from which they come back exactly."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from counting.bulk.rows import Row
from counting.tables.count_table import CountTable
from counting.utils.files import atomic_write
from counting_datasets.errors import CountingError

_TEXTS = ("image", "file_name", "text", "json", "error")
_CATEGORIES = b"counting.categories"


def write_part(rows: Sequence[Row], path: Path) -> None:
    """Write ``rows`` atomically.

    Raises:
        CountingError: the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    floats, doubles = pa.list_(pa.float32()), pa.list_(pa.float64())
    columns = {name: pa.array([_encoded(getattr(row, name)) for row in rows], pa.binary()) for name in _TEXTS}
    columns["regions"] = pa.array([json.dumps(row.regions) for row in rows], pa.string())
    columns["counts"] = pa.array([row.numbers("counts") for row in rows], doubles)
    columns["cells"] = pa.array([row.numbers("cells") for row in rows], floats)
    columns["distribution"] = pa.array([row.numbers("distribution") for row in rows], floats)
    categories = next((row.table.categories for row in rows if row.table), ())
    metadata = {_CATEGORIES: json.dumps(categories).encode()}
    with atomic_write(path) as temporary:
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), temporary)


def read_part(path: Path) -> Iterator[Row]:
    """The rows of a part.

    Raises:
        CountingError: the file is corrupt.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise CountingError(f"{path}: corrupt; delete this file and resume ({error})") from None
    categories = tuple(json.loads(table.schema.metadata[_CATEGORIES]))
    texts = [[value.decode("utf-8", "surrogatepass") for value in table[name].to_pylist()] for name in _TEXTS]
    lists = [_lists(table[name]) for name in ("counts", "cells", "distribution")]
    regions = [tuple(map(tuple, json.loads(value))) for value in table["regions"].to_pylist()]
    for row, (image, name, text, rows, reason) in enumerate(zip(*texts, strict=True)):
        counts, cells, distribution = (column[row] for column in lists)
        if counts is None:
            yield Row(image, name, json=rows, error=reason)
            continue
        counted = CountTable(
            (image,),
            categories,
            counts[None],
            None if cells is None else cells.reshape(1, -1, len(categories)),
            distribution=None if distribution is None else distribution.reshape(1, len(categories), -1),
        )
        yield Row(image, name, text, regions[row], rows, table=counted)


def _encoded(text: str) -> bytes:
    """Text as bytes, also with undecodable bytes of file names."""
    return text.encode("utf-8", "surrogatepass")


def _lists(column: Any) -> list[NDArray[Any] | None]:
    """The lists in a column as arrays."""
    return [None if one.values is None else one.values.to_numpy(zero_copy_only=False) for one in column]
