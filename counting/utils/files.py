"""Atomic writes: a file is written completely or not at all."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from counting_datasets.errors import CountingError

PARTIAL = ".partial-"
"""File name prefix of incomplete files."""


def remove_partial_files(folder: Path, older_than: float = 0) -> None:
    """Delete incomplete files in ``folder`` and its subfolders that are at least ``older_than`` seconds old."""
    for file in folder.rglob(f"{PARTIAL}*"):
        with suppress(OSError):  # another process may complete or delete it in the meantime
            if time.time() - file.stat().st_mtime >= older_than:
                file.unlink()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces ``path`` if the block succeeds.

    Raises:
        CountingError: the disk is full or the folder cannot be written; ``path`` is unchanged.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=PARTIAL, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise CountingError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` atomically; for data serialized in memory, as some libraries' writers hide a full disk."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically in UTF-8; undecodable bytes of file names are escaped."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: object) -> None:
    """Write ``value`` atomically as indented JSON."""
    write_text(path, json.dumps(value, indent=1) + "\n")
