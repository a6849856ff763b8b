"""Counters in the format of torch.export (.pt2), for AOTInductor and ExecuTorch."""

import io
from pathlib import Path

import torch

from counting.export.description import KEY, as_json, describe
from counting.export.exportable import Exportable
from counting.export.tracing import trace, tracing
from counting.networks.checkpoint import Checkpoint
from counting.utils.files import write_bytes


def write_torch_export(checkpoint: Checkpoint, name: str, path: Path) -> None:
    """Write a counter called ``name``; its description is the extra file "counting".

    Raises:
        CountingError: the counter cannot be exported, or the file cannot be written.
    """
    content = io.BytesIO()
    with tracing(name):
        torch.export.save(
            trace(Exportable(checkpoint)), content, extra_files={KEY: as_json(describe(checkpoint, name))}
        )
    write_bytes(path, content.getvalue())
