"""Text and JSON that others wrote: read whole, or an error that says what is wrong."""

import json
import unicodedata
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


def read_bytes(path: Path, missing: Missing = no_such_file) -> bytes:
    """What the file holds.

    Raises:
        DataError: it is not there (``missing`` says so) or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: {missing()}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def read_text(path: Path, missing: Missing = no_such_file) -> str:
    """UTF-8, with or without a byte order mark; all line ends are \\n.

    Raises:
        DataError: as ``read_bytes``, or it is no text.
    """
    content = read_bytes(path, missing)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not text in UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path, missing: Missing = no_such_file) -> Any:
    """What the file says, without the numbers NaN and Infinity, which are no JSON.

    Raises:
        DataError: as ``read_bytes``, or it is no JSON.
    """
    content = read_bytes(path, missing)
    try:
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None


def _refuse(constant: str) -> NoReturn:
    """Python would read them, and a NaN in a polygon fills the memory."""
    raise ValueError(f"{constant} is no number")
