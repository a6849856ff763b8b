"""CountTables in files: CSV, Parquet, JSON rows, and the .npz format of the counting paper's counts."""

import lzma
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from counting.tables.count_table import CountTable
from counting.tables.table_csv import read_csv, write_csv
from counting.tables.table_json import read_json, write_json
from counting.tables.table_parquet import read_parquet, write_parquet
from counting.utils.files import atomic_write
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import DataError

_NPZ_CATEGORIES = {len(names): names for names in (VOC_CATEGORIES, COCO_CATEGORIES)}


def read_table(source: Path | str) -> CountTable:
    """Read counts from a .csv, .tsv, .parquet or .json file, or those of a split from ``FILE.npz:SPLIT``.

    Raises:
        DataError: the file is missing or malformed; names the place.
    """
    path, split = split_source(str(source))
    ending = path.suffix.lower()
    if ending not in (".npz", *_READERS):
        raise DataError(f"{source}: counts are read from .csv, .tsv, .parquet, .json or .npz:SPLIT files")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        if path.stat().st_size == 0:
            raise DataError("empty file")
        return _read_npz(path, split) if ending == ".npz" else _READERS[ending](path)
    except DataError as error:
        raise DataError(f"{source}: {error}") from None
    except OSError as error:
        raise DataError(f"{source}: cannot be read ({error.strerror})") from None


def write_table(table: CountTable, path: Path, file_names: Mapping[str, str] | None = None) -> None:
    """Write ``table`` atomically in the format of the file's extension: .csv, .parquet or .json.

    CSV omits cells and distributions. JSON has cells if they form a square grid, and takes the file names of the
    photos from ``file_names`` (id → name), by default the id with ``.jpg``.

    Raises:
        DataError: another extension.
        CountingError: the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet", ".json"):
        raise DataError(f"{path}: counts are written to .csv, .parquet or .json files")
    with atomic_write(path) as temporary:
        if ending == ".parquet":
            write_parquet(table, temporary)
            return
        # file names may contain bytes that are not valid text
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            if ending == ".csv":
                write_csv(table, file)
            else:
                write_json(table, file, file_names or {})


def split_source(source: str) -> tuple[Path, str]:
    """The file and the split in ``source``, which is FILE or, for an .npz file, FILE:SPLIT; "" for no split.

    If a file with the whole name exists, colon included, it is that file.
    """
    head, _, split = source.rpartition(":")
    if head.lower().endswith(".npz") and not Path(source).exists():
        return Path(head), split
    return Path(source), ""


# .npz: `{split}_counts` and `{split}_ids`, in VOC's alphabetical or COCO's order of categories.


_NPZ_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(EOFError, MemoryError, OverflowError, RuntimeError, SyntaxError, TypeError, ValueError),
)
"""Errors of zipfile and NumPy for corrupt archives and arrays; RuntimeError for unknown compression."""


def _read_npz(path: Path, split: str) -> CountTable:
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored}
    except _NPZ_ERRORS as error:
        raise DataError(f"corrupt or truncated .npz file ({error})") from None
    splits = [name.removesuffix("_counts") for name in arrays if name.endswith("_counts")]
    if split not in splits or f"{split}_ids" not in arrays:
        raise DataError(f"no split {split!r}: use {path.name}:SPLIT, where SPLIT is one of {sorted(splits)}")
    counts, ids = arrays[f"{split}_counts"], arrays[f"{split}_ids"]
    if counts.ndim != 2 or counts.dtype.kind not in "iuf" or ids.shape != counts.shape[:1]:
        raise DataError(f"{split}_counts must contain numbers, one row for each of {split}_ids")
    if counts.shape[1] not in _NPZ_CATEGORIES:
        raise DataError(f"{counts.shape[1]} categories: an .npz file must have VOC's 20 or COCO's 80")
    images = [str(image) for image in ids.tolist()]
    return CountTable.from_rows(images, _NPZ_CATEGORIES[counts.shape[1]], counts)


_READERS: Mapping[str, Callable[[Path], CountTable]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    ".json": read_json,
}
