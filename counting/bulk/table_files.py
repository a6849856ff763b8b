"""Rows in the files that ``counting predict --out`` writes: CSV, Parquet or JSON, without all rows in memory."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from counting.bulk.rows import Row
from counting.inputs.batches import batched
from counting.tables.count_table import CountTable
from counting.tables.table_csv import ERROR
from counting.tables.table_parquet import arrow_table, text_array
from counting.utils.files import atomic_write

BATCH = 1024
"""Maximum number of rows in a row group of a Parquet file."""

Add = Callable[[Row], None]


def write_rows(rows: Iterable[Row], path: Path, like: CountTable, *, with_errors: bool) -> None:
    """Write ``rows`` atomically in the format of the extension: .csv, .parquet or .json.

    ``like`` is the table of any of the rows. ``with_errors`` adds the column ``error``; without it, no row may
    have one. A photo that could not be counted has only its id and error, in JSON its ``file_name`` and ``error``.

    Raises:
        CountingError: the file cannot be written.
    """
    with atomic_write(path) as temporary:
        if path.suffix.lower() == ".parquet":
            _write_parquet(rows, temporary, like, with_errors=with_errors)
            return
        # file names may contain bytes that are not valid text
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            if path.suffix.lower() == ".csv":
                _write_csv(rows, file, like.categories, with_errors=with_errors)
                return
            with json_list(file) as add:
                for row in rows:
                    add(row)


@contextmanager
def json_list(file: TextIO) -> Iterator[Add]:
    """A JSON list that takes rows; complete even after an error, and nothing at all without a counted photo."""
    empty = True
    errors: list[str] = []

    def add(row: Row) -> None:
        nonlocal empty
        if row.error and empty:
            errors.append(row.json)
            return
        for one in (*errors, row.json):
            file.write(("[\n" if empty else ",\n") + one)
            empty = False
        errors.clear()

    try:
        yield add
    finally:
        if not empty:
            file.write("\n]\n")


def _write_csv(rows: Iterable[Row], file: TextIO, categories: Sequence[str], *, with_errors: bool) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("image", *categories, *([ERROR] if with_errors else [])))
    for row in rows:
        counts = [""] * len(categories) if row.table is None else row.table.counts[0].tolist()
        writer.writerow((row.image, *counts, *([row.error] if with_errors else [])))


def _write_parquet(rows: Iterable[Row], path: Path, like: CountTable, *, with_errors: bool) -> None:
    import pyarrow.parquet as pq

    schema = _arrow_rows([], like, with_errors=with_errors).schema
    with pq.ParquetWriter(path, schema) as writer:
        for group in batched(rows, BATCH):
            writer.write_table(_arrow_rows(group, like, with_errors=with_errors))


def _arrow_rows(rows: list[Row], like: CountTable, *, with_errors: bool) -> Any:
    """Rows as a ``pyarrow.Table``, in which photos that could not be counted have an id and an error only."""
    import pyarrow as pa

    tables = [row.table for row in rows if row.table is not None]
    places = iter(range(len(tables)))
    indices = pa.array([None if row.table is None else next(places) for row in rows], pa.int64())
    counted = arrow_table(_stacked(tables)) if tables else arrow_table(like).slice(0, 0)
    table = counted.take(indices).set_column(0, "image", text_array([row.image for row in rows]))
    return table.append_column(ERROR, text_array([row.error or None for row in rows])) if with_errors else table


def _stacked(tables: list[CountTable]) -> CountTable:
    """Tables of one row each as one table."""
    cells = [table.cells for table in tables if table.cells is not None]
    distributions = [table.distribution for table in tables if table.distribution is not None]
    return CountTable(
        tuple(table.images[0] for table in tables),
        tables[0].categories,
        np.concatenate([table.counts for table in tables]),
        np.concatenate(cells) if cells else None,
        distribution=np.concatenate(distributions) if distributions else None,
    )
