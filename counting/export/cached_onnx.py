"""ONNX files in the cache folder: each counter is exported once."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from counting.export.description import FORMAT
from counting.export.onnx_file import to_onnx, write_onnx
from counting.networks.checkpoint import Checkpoint
from counting.networks.feature_cache import cache_folder
from counting.utils.progress import console
from counting_datasets.errors import CountingError

LIBRARIES = ("everyday-counting", "torch", "onnxscript")
"""Installed packages whose version may change the exported graph."""


def cached_onnx(checkpoint: Checkpoint, weights: Path, *, anew: bool = False) -> Path:
    """The ONNX file of the counter in ``weights``; exported if it is not in the cache, or with ``anew``.

    Raises:
        CountingError: a package is missing, the counter cannot be exported, or the cache cannot be written.
    """
    versions = " ".join((FORMAT, *(_version(library) for library in LIBRARIES)))
    digest = hashlib.sha256(weights.read_bytes() + versions.encode()).hexdigest()[:16]
    path = cache_folder() / "onnx" / f"{digest}.onnx"
    if anew or not path.is_file():
        with console.status("exporting the counter to ONNX, once"):
            write_onnx(to_onnx(checkpoint, weights.stem), path)
    return path


def _version(library: str) -> str:
    try:
        return version(library)
    except ModuleNotFoundError:
        raise CountingError(f"{library} not installed: pip install 'everyday-counting[export]'") from None
