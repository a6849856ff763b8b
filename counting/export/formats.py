"""The formats of exported counters, by name."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counting.networks.checkpoint import Checkpoint

ENDINGS = {"onnx": ".onnx", "torch-export": ".pt2", "openvino": ".xml"}
"""Each format's file ending."""


def export(
    checkpoint: Checkpoint,
    name: str,
    file_format: str,
    path: Path,
    calibration_photos: Iterable[NDArray[np.float32]] | None = None,
) -> None:
    """Write a counter called ``name`` in one of ``ENDINGS``' formats.

    ``calibration_photos``, 1×3×side×side inputs, quantize an ONNX file to 8-bit integers.

    Raises:
        CountingError: a package is missing, the counter cannot be exported, or a file cannot be written.
    """
    if file_format == "torch-export":
        from counting.export.torch_export_file import write_torch_export

        write_torch_export(checkpoint, name, path)
    elif file_format == "openvino":
        from counting.export.openvino_file import write_openvino

        write_openvino(checkpoint, name, path)
    else:
        from counting.export.onnx_file import to_onnx, write_onnx
        from counting.export.quantization import quantize

        model = to_onnx(checkpoint, name)
        write_onnx(model if calibration_photos is None else quantize(model, calibration_photos), path)
