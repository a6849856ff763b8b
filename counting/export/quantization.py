"""Static quantization of an ONNX model to 8-bit integers."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from counting.export.description import KEY
from counting.export.exportable import INPUT
from counting.export.onnx_file import described
from counting.export.packages import need
from counting.export.tracing import without_advice

if TYPE_CHECKING:
    import onnx

QUANTIZED = ("Conv", "Clip", "Relu")
"""Operators that are quantized: the convolutions, and the activations that are merged into them."""


def quantize(model: "onnx.ModelProto", photos: Iterable[NDArray[np.float32]]) -> "onnx.ModelProto":
    """``model`` with 8-bit convolutions, weights per channel; what follows the feature maps stays float32.

    ``photos`` are 1×3×side×side inputs, from which the ranges of the activations are taken.

    Raises:
        CountingError: a package is missing.
    """
    need("onnx", "onnxruntime")
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    description = {entry.key: entry.value for entry in model.metadata_props}[KEY]
    with TemporaryDirectory() as folder, without_advice():
        source, prepared, target = (str(Path(folder) / name) for name in ("a.onnx", "b.onnx", "c.onnx"))
        onnx.save(model, source)
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            _Photos(iter(photos)),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=list(QUANTIZED),
            per_channel=True,
        )
        return described(onnx.load(target), description)


class _Photos:
    """The calibration data as onnxruntime reads them."""

    def __init__(self, photos: Iterator[NDArray[np.float32]]) -> None:
        self._photos = photos

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next input; None after the last."""
        photo = next(self._photos, None)
        return None if photo is None else {INPUT: photo}
