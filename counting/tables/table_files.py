"""CountTables in files: CSV, Parquet, JSON rows, and the .npz that the counting paper's counts come in."""

import csv
import math
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from counting.tables.count_table import CountTable, build_table
from counting.tables.table_json import read_json, write_json
from counting.utils.files import atomic_write
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import DataError

_NPZ_CATEGORIES = {len(names): names for names in (VOC_CATEGORIES, COCO_CATEGORIES)}
_CELLS, _DISTRIBUTION = _LISTS = ("cell_counts", "distribution")


def read_table(source: Path | str) -> CountTable:
    """Read counts from a .csv, .parquet or .json file, or one split's from ``FILE.npz:SPLIT``.

    Raises:
        DataError: there is no such file, or it is malformed; says where.
    """
    path, split = _without_split(str(source))
    ending = path.suffix.lower()
    if ending not in (".npz", *_READERS):
        raise DataError(f"{source}: counts are read from .csv, .parquet, .json or .npz:SPLIT files")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        if path.stat().st_size == 0:
            raise DataError("empty file")
        return _read_npz(path, split) if ending == ".npz" else _READERS[ending](path)
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{source}: cannot be read ({error})") from None


def write_table(table: CountTable, path: Path, file_names: Mapping[str, str] | None = None) -> None:
    """Write ``table`` as its name's ending says (.csv, .parquet or .json), whole or not at all.

    CSV leaves out cells; JSON has them when they form a square grid, and takes the photos' names from
    ``file_names`` (image → name), else the image's id with ``.jpg``.

    Raises:
        DataError: another ending.
        CountingError: the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in _READERS:
        raise DataError(f"{path}: counts are written to .csv, .parquet or .json files")
    with atomic_write(path) as temporary:
        if ending == ".parquet":
            _write_parquet(table, temporary)
            return
        # a file's name may hold bytes that are no text; its counts must be written all the same
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            if ending == ".csv":
                _write_csv(table, file)
            else:
                write_json(table, file, file_names or {})


def _without_split(source: str) -> tuple[Path, str]:
    head, _, split = source.rpartition(":")
    return (Path(head), split) if head.endswith(".npz") else (Path(source), "")


# CSV: a header `image,aeroplane,…`, then one line an image.


def _read_csv(path: Path) -> CountTable:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        try:
            header = [name.strip() for name in next(lines, [])]
            if len(header) < 2 or header[0] != "image":
                raise DataError("line 1: no header; it must read image,CATEGORY,CATEGORY,…")
            rows: dict[str, list[float]] = {}
            for line in lines:
                if not line:
                    continue
                image, counts = line[0], _csv_counts(line, header, lines.line_num)
                if image in rows:
                    raise DataError(f"line {lines.line_num}: image {image!r} is there twice")
                rows[image] = counts
        except csv.Error as error:
            raise DataError(f"line {lines.line_num}: not CSV ({error})") from None
    return build_table(list(rows), header[1:], list(rows.values()))


def _csv_counts(line: list[str], header: list[str], number: int) -> list[float]:
    if len(line) != len(header):
        raise DataError(f"line {number}: {len(line)} fields, but the header has {len(header)}")
    counts = []
    for category, text in zip(header[1:], line[1:], strict=True):
        try:
            count = float(text)
        except ValueError:
            count = math.nan
        if not math.isfinite(count):
            raise DataError(f"line {number}: the count of {category!r} is {text!r}, not a number")
        counts.append(count)
    return counts


def _write_csv(table: CountTable, file: TextIO) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("image", *table.categories))
    writer.writerows((image, *row) for image, row in zip(table.images, table.counts.tolist(), strict=True))


# Parquet: the same columns and, behind them, `cell_counts` (cells × categories) and `distribution` (categories ×
# counts): one list of a fixed size an image each.


def _read_parquet(path: Path) -> CountTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        stored = pq.ParquetFile(path).read()
    except pa.ArrowException as error:
        raise DataError(f"not a Parquet file ({str(error).splitlines()[0]})") from None
    if not stored.column_names or stored.column_names[0] != "image":
        raise DataError("the first column must be `image`")
    sizes = {name: size for name in _LISTS if (size := (stored.schema.metadata or {}).get(_size_key(name)))}
    categories = stored.column_names[1 : len(stored.column_names) - len(sizes)]
    columns = stored.columns[1 : 1 + len(categories)]
    for name, column in zip(categories, columns, strict=True):
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)) or column.null_count:
            raise DataError(f"column {name!r} has entries that are not numbers")
    counts = np.array([column.to_numpy() for column in columns], dtype=np.float64)
    images = [str(image) for image in stored.columns[0].to_pylist()]
    lists = {
        name: _read_lists(column, name, int(size), len(categories))
        for column, (name, size) in zip(stored.columns[1 + len(categories) :], sizes.items(), strict=True)
    }
    cells, distribution = lists.get(_CELLS), lists.get(_DISTRIBUTION)
    by_cell = None if cells is None else cells.reshape(len(images), -1, len(categories))
    by_count = None if distribution is None else distribution.reshape(len(images), len(categories), -1)
    return build_table(images, categories, counts.T, by_cell, distribution=by_count)


def _read_lists(column: Any, name: str, size: int, categories: int) -> NDArray[np.float32]:
    """The numbers of a column of lists, ``size`` for each category."""
    import pyarrow as pa

    if column.type != pa.list_(pa.float32(), size * categories) or column.null_count:
        raise DataError(f"the column of {name} does not hold {size} numbers a category")
    flat: NDArray[np.float32] = np.concatenate([chunk.flatten().to_numpy() for chunk in column.chunks])
    return flat


def _write_parquet(table: CountTable, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ["image", *table.categories]
    images = [image.encode("utf-8", "backslashreplace").decode() for image in table.images]
    columns = [pa.array(images, pa.string()), *(pa.array(column) for column in table.counts.T)]
    metadata = {}
    for name, numbers in zip(_LISTS, (table.cells, table.distribution), strict=True):
        if numbers is None:
            continue
        flat = np.ascontiguousarray(numbers, dtype=np.float32).reshape(len(images), -1)
        names.append(name)
        columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1]))
        metadata[_size_key(name)] = str(flat.shape[1] // len(table.categories)).encode()
    pq.write_table(pa.Table.from_arrays(columns, names=names, metadata=metadata), path)


def _size_key(name: str) -> bytes:
    """Under which the file's metadata has the number of entries a category."""
    return f"counting.{name}".encode()


# .npz: `{split}_counts` and `{split}_ids`, in VOC's alphabetical or COCO's order of categories.


def _read_npz(path: Path, split: str) -> CountTable:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored}
    except (zipfile.BadZipFile, zlib.error, ValueError, TypeError, EOFError) as error:
        raise DataError(f"not a whole .npz file ({error})") from None
    splits = [name.removesuffix("_counts") for name in arrays if name.endswith("_counts")]
    if split not in splits or f"{split}_ids" not in arrays:
        raise DataError(f"no split {split!r} in it: ask for {path.name}:SPLIT, SPLIT one of {sorted(splits)}")
    counts, ids = arrays[f"{split}_counts"], arrays[f"{split}_ids"]
    if counts.ndim != 2 or counts.dtype.kind not in "iuf" or ids.shape != counts.shape[:1]:
        raise DataError(f"{split}_counts must be numbers, one row for each of {split}_ids")
    if counts.shape[1] not in _NPZ_CATEGORIES:
        raise DataError(f"{counts.shape[1]} categories: an .npz holds VOC's 20 or COCO's 80")
    images = [str(image) for image in ids.tolist()]
    return build_table(images, _NPZ_CATEGORIES[counts.shape[1]], counts)


_READERS: Mapping[str, Callable[[Path], CountTable]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".json": read_json,
}
