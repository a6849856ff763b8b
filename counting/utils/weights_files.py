"""Weights that this program wrote: safetensors with a header that says what they are of."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor

from counting_datasets.errors import CountingError


def read_weights(path: Path, kind: str, file_format: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The header and the tensors of a ``kind`` ("counter") whose header names ``file_format``.

    Raises:
        CountingError: no such file, cut short, or of something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except FileNotFoundError:
        raise CountingError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise CountingError(f"{path}: no whole safetensors file ({error})") from None
    if header.get("format") != file_format:
        raise CountingError(f"{path}: no {kind} of this program (format {header.get('format')!r})")
    return header, tensors
