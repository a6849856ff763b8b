"""Plugins: Python files that register a user's own counters and backbones."""

import sys
import traceback
from collections.abc import Iterable
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from counting_datasets.errors import CountingError


def import_plugins(files: Iterable[Path]) -> None:
    """Import each of ``files``, once per process.

    Raises:
        CountingError: a file does not exist, is not a Python file or raises an error.
    """
    for file in files:
        name = f"counting_plugin_{sha256(str(file.resolve()).encode()).hexdigest()[:16]}"
        if name not in sys.modules:
            _import(name, file)


def _import(name: str, file: Path) -> None:
    if not file.is_file():
        raise CountingError(f"plugins: {file}: no such file; the configuration needs its counter or backbone")
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise CountingError(f"plugins: {file}: not a Python file, its name must end in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)
        ]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise CountingError(f"plugins: {file}{f', line {line}' if line else ''}: {what}") from error
