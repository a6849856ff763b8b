"""CountTables as CSV, from programs or spreadsheets: a header `image,aeroplane,…`, then one line per image."""

import codecs
import csv
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from counting.tables.count_table import CountTable
from counting_datasets.errors import DataError

DELIMITERS = ",;\t"

ERROR = "error"
"""The last column of a file with photos that could not be counted: why, or empty for the others."""

_IMAGE_HEADERS = re.compile(r"(image|file|photo)?(id|name|file|path)?")
"""Headers of the column of images, in lower case without spaces and punctuation."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
"""First line that tells Excel the delimiter."""

_BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_csv(path: Path) -> CountTable:
    """Read counts separated by commas, semicolons or tabs, in UTF-8 or UTF-16.

    The header of the first column is `image`, `file_name` or similar. If the delimiter is a semicolon or tab, a
    comma in a number is a decimal comma. Empty lines, empty columns without a header and a column of line numbers
    before the images are skipped. So are lines of photos that could not be counted, which have an error in
    the last column, `error`.

    Raises:
        DataError: missing header, line of the wrong length, count that is not a number, or duplicate image id.
    """
    text = _decoded(path.read_bytes())
    separator = _SEPARATOR_LINE.match(text)
    skipped = separator.end() if separator else 0
    delimiter = separator[1] if separator else _delimiter(text)
    reader = csv.reader(io.StringIO(text[skipped:], newline=""), delimiter=delimiter)
    first_line = 1 + bool(separator)
    rows: dict[str, list[float]] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        start = _image_column(header)
        if start is None or not any(header[start + 1 :]):
            raise DataError(f"line {first_line}: no header; it must be image,CATEGORY,CATEGORY,…")
        lines = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
        if header[-1] == ERROR and not any(_NUMBER.fullmatch(_last(cells, header)) for _, cells in lines):
            lines = [(line, cells) for line, cells in lines if not _last(cells, header)]
            header[-1] = ""
        for line, cells in lines:
            number = line + first_line - 1
            image = cells[start].strip() if len(cells) > start else ""
            counts = list(_counts(cells, header, start, delimiter, number))
            if image in rows:
                raise DataError(f"line {number}: duplicate image id {image!r}")
            rows[image] = counts
    except csv.Error as error:
        raise DataError(f"line {reader.line_num + first_line - 1}: not CSV ({error})") from None
    categories = [name for name in header[start + 1 :] if name]
    return CountTable.from_rows(list(rows), categories, list(rows.values()))


def write_csv(table: CountTable, file: TextIO) -> None:
    """Write ``table`` without its cells and distributions."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(("image", *table.categories))
    writer.writerows((image, *row) for image, row in zip(table.images, table.counts.tolist(), strict=True))


def is_image_header(name: str) -> bool:
    """Whether a column with this header contains the images ("image", "File_Name")."""
    plain = re.sub(r"[\W_]", "", name.lower())
    return bool(plain and _IMAGE_HEADERS.fullmatch(plain))


def _decoded(content: bytes) -> str:
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    if marked is None and b"\0" in content[:2]:
        marked = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
    try:
        return content.decode(marked or "utf-8")
    except UnicodeDecodeError:
        raise DataError("not text in UTF-8 or UTF-16: save it as “CSV UTF-8”") from None


def _delimiter(text: str) -> str:
    """The delimiter that splits the header into an image column and the most other columns."""

    def columns(delimiter: str) -> int:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        return len(header) if _image_column(header) is not None else 0

    try:
        return max(DELIMITERS, key=columns)
    except csv.Error:
        return ","


def _image_column(header: list[str]) -> int | None:
    """The index of the column of images: 0, or 1 after a column of line numbers; None if there is none."""
    if header and is_image_header(header[0]):
        return 0
    numbered = len(header) > 1 and header[0].strip() in ("", "Unnamed: 0") and is_image_header(header[1])
    return 1 if numbered else None


def _last(cells: list[str], header: list[str]) -> str:
    """The field of the last column; empty if the line is too short."""
    return cells[len(header) - 1].strip() if len(cells) >= len(header) else ""


def _counts(cells: list[str], header: list[str], start: int, delimiter: str, line: int) -> Iterator[float]:
    named = max(place for place, name in enumerate(header) if name) + 1
    if len(cells) < named or any(map(str.strip, cells[len(header) :])):
        raise DataError(f"line {line}: {len(cells)} fields, but the header has {named}")
    for place in range(start + 1, min(len(cells), len(header))):
        text = cells[place].strip()
        if header[place]:
            yield _count(text, header[place], delimiter, line)
        elif text:
            raise DataError(f"line {line}: column {place + 1} contains {text!r}, but has no header")


def _count(text: str, category: str, delimiter: str, line: int) -> float:
    plain = text.replace(",", ".") if delimiter != "," else text
    if _NUMBER.fullmatch(plain) and math.isfinite(float(plain)):
        return float(plain)
    raise DataError(f"line {line}: the count of {category!r} is {text!r}, not a number")
