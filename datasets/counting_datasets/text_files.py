"""Text and JSON that others wrote: read whole, or an error that says what is wrong."""

import json
import unicodedata
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from counting_datasets.errors import DataError

Missing = Callable[[], str]
"""What to say of a file that is not there; only then is it called, as it may look for those that are."""


def no_such_file() -> str:
    """Nothing more than that."""
    return "no such file"


def nfc(text: str) -> str:
    """``text`` in Unicode's composed form, in which names, ids and paths are compared.

    The same name may come in two forms: macOS writes "é" in file names as "e" and a combining accent.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def expanded(path: Path) -> Path:
    """``path`` with ``~`` for the home folder.

    Raises:
        DataError: nobody knows where home is.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise DataError(f"{path}: the home folder is unknown: write the whole path") from None


def is_folder(path: Path) -> bool:
    """Whether a folder is there; also for names that no file can have, where ``Path.is_dir`` fails."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def read_bytes(path: Path, missing: Missing = no_such_file) -> bytes:
    """What the file holds.

    Raises:
        DataError: it is not there (``missing`` says so) or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: {missing()}") from None
    except (OSError, ValueError) as error:  # also a NUL in the name
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def read_text(path: Path, missing: Missing = no_such_file) -> str:
    """UTF-8, or UTF-16 with a byte order mark; all line ends are \\n.

    Raises:
        DataError: as ``read_bytes``, or it is no text.
    """
    content = read_bytes(path, missing)
    try:
        text = content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not text in UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path, missing: Missing = no_such_file, *, nan: bool = False) -> Any:
    """What the file says, without the numbers NaN and Infinity, which are no JSON, unless ``nan`` lets them pass.

    Raises:
        DataError: as ``read_bytes``, or it is no JSON.
    """
    content = read_bytes(path, missing)
    try:
        return json.loads(content, parse_constant=None if nan else _refuse)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None


def _refuse(constant: str) -> NoReturn:
    """Python would read them, and a NaN in a polygon fills the memory."""
    raise ValueError(f"{constant} is no number")
