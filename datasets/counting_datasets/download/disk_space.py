"""Check for enough free disk space before a download."""

import shutil
from pathlib import Path

from counting_datasets.errors import DataError


def require_space(folder: Path, needed: int, purpose: str) -> None:
    """Check that the disk that holds ``folder`` has ``needed`` bytes free.

    Raises:
        DataError: it has fewer.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: not enough disk space to {purpose}: "
            f"{needed / 1e9:,.1f} GB needed, {free / 1e9:,.1f} GB free; free some space and run again"
        )
