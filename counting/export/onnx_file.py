"""Counters in the ONNX format."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from counting.export.description import KEY, as_json, describe
from counting.export.exportable import INPUT, Exportable
from counting.export.packages import need
from counting.export.tracing import BATCH, tracing
from counting.networks.checkpoint import Checkpoint
from counting.utils.files import write_bytes

if TYPE_CHECKING:
    import onnx


def to_onnx(checkpoint: Checkpoint, name: str) -> "onnx.ModelProto":
    """The ONNX model of a counter called ``name``; its description is in the metadata.

    Raises:
        CountingError: a package is missing, or the counter cannot be exported.
    """
    need("onnx", "onnxscript")
    exportable = Exportable(checkpoint)
    with tracing(name):
        program = torch.onnx.export(
            exportable,
            (exportable.example(),),
            input_names=[INPUT],
            output_names=list(exportable.outputs),
            dynamic_shapes={INPUT: {0: BATCH}},
            verbose=False,
        )
    assert program is not None
    return described(program.model_proto, as_json(describe(checkpoint, name)))


def described(model: "onnx.ModelProto", description: str) -> "onnx.ModelProto":
    """``model`` with ``description`` in its metadata."""
    import onnx

    onnx.helper.set_model_props(model, {KEY: description})
    return model


def write_onnx(model: "onnx.ModelProto", path: Path) -> None:
    """Write the file, whole or not at all."""
    write_bytes(path, model.SerializeToString())
