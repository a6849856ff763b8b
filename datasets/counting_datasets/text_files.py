"""Text and JSON that others wrote: read whole, or an error that says what is wrong."""

import json
from pathlib import Path
from typing import Any, NoReturn

from counting_datasets.errors import DataError


def read_bytes(path: Path, missing: str = "no such file") -> bytes:
    """What the file holds.

    Raises:
        DataError: it is not there (``missing`` says what is) or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: {missing}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def read_text(path: Path, missing: str = "no such file") -> str:
    """UTF-8, with or without a byte order mark; all line ends are \\n.

    Raises:
        DataError: as ``read_bytes``, or it is no text.
    """
    try:
        text = read_bytes(path, missing).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not text in UTF-8") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path, missing: str = "no such file") -> Any:
    """What the file says, without the numbers NaN and Infinity, which are no JSON.

    Raises:
        DataError: as ``read_bytes``, or it is no JSON.
    """
    try:
        return json.loads(read_bytes(path, missing), parse_constant=_refuse)
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None


def _refuse(constant: str) -> NoReturn:
    """Python would read them, and a NaN in a polygon fills the memory."""
    raise ValueError(f"{constant} is no number")
