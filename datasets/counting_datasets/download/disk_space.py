"""Know that the disk is too small before an hour is spent on filling it."""

import shutil
from pathlib import Path

from counting_datasets.errors import DataError


def require_space(folder: Path, needed: int, purpose: str) -> None:
    """Make sure that ``needed`` bytes fit on the disk that holds ``folder``.

    Raises:
        DataError: they do not.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: not enough disk space to {purpose}: "
            f"needs {needed / 1e9:,.1f} GB, {free / 1e9:,.1f} GB are free; make room and run again"
        )
