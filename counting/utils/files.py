"""Files that are either whole or not there."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from counting_datasets.errors import CountingError

PARTIAL = ".partial-"
"""Prefix of the names of files that are still being written, or never were to the end."""


def remove_partial_files(folder: Path, older_than: float = 0) -> None:
    """Delete what killed processes left in ``folder`` and below, if it is ``older_than`` so many seconds."""
    for file in folder.rglob(f"{PARTIAL}*"):
        with suppress(OSError):  # another process may finish or delete it meanwhile
            if time.time() - file.stat().st_mtime >= older_than:
                file.unlink()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside ``path`` that takes its place when the block ends well.

    Raises:
        CountingError: the disk is full or the folder cannot be written; ``path`` is as it was.
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
    """``atomic_write`` of what a library serialized in memory: their own writers hide that a disk is full."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """``atomic_write`` of UTF-8 text; bytes of a file's name that are no text are escaped."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: object) -> None:
    """``atomic_write`` of indented JSON."""
    write_text(path, json.dumps(value, indent=1) + "\n")
