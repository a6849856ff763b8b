"""Read text and JSON files, and normalize names and paths."""

import json
import unicodedata
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from counting_datasets.errors import DataError

Missing = Callable[[], str]
"""Words the error for a missing file; called only if the file is missing, since it may search the folder."""


def no_such_file() -> str:
    """The default error for a missing file."""
    return "no such file"


def nfc(text: str) -> str:
    """``text`` in Unicode's composed form (NFC), in which names, ids and paths are compared.

    The same name can have two forms: macOS writes "é" in file names as "e" and a combining accent.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def expanded(path: Path) -> Path:
    """``path`` with ``~`` replaced by the home folder.

    Raises:
        DataError: the home folder is unknown.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise DataError(f"{path}: the home folder is unknown; write the full path") from None


def is_folder(path: Path) -> bool:
    """Whether ``path`` is a folder; False for invalid names, for which ``Path.is_dir`` may fail."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def read_bytes(path: Path, missing: Missing = no_such_file) -> bytes:
    """The content of the file.

    Raises:
        DataError: it is missing (``missing`` words the error) or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: {missing()}") from None
    except (OSError, ValueError) as error:  # also a NUL in the name
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def read_text(path: Path, missing: Missing = no_such_file) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark; all line ends become \\n.

    Raises:
        DataError: as ``read_bytes``, or the file is not text.
    """
    content = read_bytes(path, missing)
    try:
        text = content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not text in UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path, missing: Missing = no_such_file, *, allow_nan: bool = False) -> Any:
    """The content of a JSON file; ``allow_nan`` accepts NaN and Infinity, which are not JSON.

    Raises:
        DataError: as ``read_bytes``, or the file is not JSON.
    """
    content = read_bytes(path, missing)
    try:
        return json.loads(content, parse_constant=None if allow_nan else _refuse)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None


def _refuse(constant: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's parser accepts by default."""
    raise ValueError(f"{constant} is not a number")
