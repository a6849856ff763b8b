"""The packages that exporting needs beyond the ordinary installation."""

from importlib import import_module
from typing import Any

from counting_datasets.errors import CountingError


def need(*packages: str, extra: str = "export") -> None:
    """Check that ``packages`` are installed.

    Raises:
        CountingError: names those that are missing and how to install them.
    """
    missing = [package for package in packages if _imported(package) is None]
    if missing:
        names = " and ".join(missing)
        raise CountingError(f"{names} not installed: pip install 'everyday-counting[{extra}]'")


def _imported(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError:
        return None
