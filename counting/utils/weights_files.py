"""Read weights files of this program: safetensors whose header names the kind of model."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from counting_datasets.errors import CountingError


def read_weights(path: Path, kind: str, file_format: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The header and the tensors of a model of ``kind`` ("counter"), whose header has the format ``file_format``.

    Raises:
        CountingError: the file is missing, corrupt, truncated, or not of this kind.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except FileNotFoundError:
        raise CountingError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise CountingError(f"{path}: corrupt or truncated safetensors file ({error})") from None
    if header.get("format") != file_format:
        raise CountingError(f"{path}: not a {kind} of this program (format {header.get('format')!r})")
    return header, tensors
