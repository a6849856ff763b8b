"""Photos in Parquet files, as image bytes or as paths."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from counting.inputs.photo_sources import StoredPhoto
from counting.inputs.storage import listing_errors, open_file, photo_errors
from counting_datasets.errors import CountingError, PhotoError

BYTES_COLUMNS = ("image", "photo", "img", "jpg", "jpeg", "png", "bytes", "content", "data")
"""Names of Parquet columns of image bytes; the first that exists is read, else the only binary column."""

PATH_COLUMNS = ("path", "file_name", "filename", "file", "image_path", "url", "image", "photo")
"""Names of Parquet columns of paths; the first that exists is read, else the only text column."""

NAME_COLUMNS = ("path", "file_name", "filename", "file", "__key__", "key", "name", "image_id", "id")
"""Names of Parquet columns that name the photos in a column of bytes."""


@dataclass(frozen=True)
class ParquetPhoto(StoredPhoto):
    """The bytes in a row of a row group of a Parquet file, in a column or a field of one ("image.bytes")."""

    file: str
    column: str
    group: int
    row: int
    label: str

    @property
    def name(self) -> str:
        return f"{self.file}/{self.label}"

    def read_bytes(self) -> bytes:
        with photo_errors(self.name):
            content = _row_group(self.file, self.column, self.group)[self.row].as_py()
        if content is None:
            raise PhotoError(f"{self.name}: no bytes in this row")
        return bytes(content)


def photos_in_parquet(file: str) -> Iterator[ParquetPhoto | str]:
    """The photos in a Parquet file, in order: those of a column of image bytes, or the paths in a column of text.

    A column of Hugging Face images (a struct of ``bytes`` and ``path``) is one of bytes.

    Raises:
        CountingError: it cannot be read, or has no such column.
    """
    import pyarrow.parquet as pq

    with listing_errors(file, "Parquet file"), open_file(file) as opened:
        parquet = pq.ParquetFile(opened)
        columns = _Columns.of(file, parquet.schema_arrow)
        number = 0
        labels: set[str] = set()
        for group in range(parquet.num_row_groups):
            for row, text in enumerate(_texts(parquet, group, columns)):
                if columns.content:
                    label = text or f"{number:06d}"
                    if label in labels:
                        label = f"{label}#{number}"
                    labels.add(label)
                    yield ParquetPhoto(file, columns.content, group, row, label)
                elif text:
                    yield text
                else:
                    raise CountingError(f"{file}: row {number + 1} has no path")
                number += 1


def _texts(parquet: Any, group: int, columns: "_Columns") -> list[str | None]:
    """The names or paths in a row group; None for photos without a name."""
    wanted = columns.names if columns.content else columns.paths
    if wanted is None:
        return [None] * parquet.metadata.row_group(group).num_rows
    values = _flat(parquet.read_row_group(group, columns=[wanted]).columns[0])
    return [None if value is None else str(value) for value in values.to_pylist()]


@dataclass(frozen=True)
class _Columns:
    """Which columns of a Parquet file hold the photos: ``content`` bytes with their ``names``, or ``paths``."""

    content: str | None
    names: str | None
    paths: str | None

    @classmethod
    def of(cls, file: str, schema: Any) -> "_Columns":
        import pyarrow as pa

        types = dict(zip(schema.names, schema.types, strict=True))
        structs = {name for name, kind in types.items() if pa.types.is_struct(kind) and "bytes" in kind.names}
        binary = {
            name for name, kind in types.items() if pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
        }
        text = {name for name, kind in types.items() if pa.types.is_string(kind) or pa.types.is_large_string(kind)}
        whole = {name for name, kind in types.items() if pa.types.is_integer(kind)}
        content = _chosen(BYTES_COLUMNS, structs | binary)
        if content in structs:
            has_path = "path" in types[content].names
            return cls(f"{content}.bytes", f"{content}.path" if has_path else None, None)
        if content:
            names = next((name for name in NAME_COLUMNS if name in text | whole), None)
            return cls(content, names, None)
        paths = _chosen(PATH_COLUMNS, text)
        if paths is None:
            raise CountingError(
                f"{file}: no column of photos: name a column of image bytes `image`, or a text column `path`"
            )
        return cls(None, None, paths)


def _chosen(names: tuple[str, ...], columns: set[str]) -> str | None:
    known = next((name for name in names if name in columns), None)
    return known or (next(iter(columns)) if len(columns) == 1 else None)


@lru_cache(maxsize=2)
def _row_group(file: str, column: str, group: int) -> Any:
    """The bytes in a column of a row group."""
    import pyarrow.parquet as pq

    with open_file(file) as opened:
        table = pq.ParquetFile(opened).read_row_group(group, columns=[column])
    return _flat(table.columns[0])


def _flat(column: Any) -> Any:
    """The values of a column, or of the only field that was read of a column of structs."""
    import pyarrow as pa

    values = column.combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks else pa.array([], column.type.field(0).type)
    return values.flatten()[0] if pa.types.is_struct(values.type) else values
