"""Detectors in ONNX's format: ``onnx:FILE``, with a description beside it (``FILE`` ending in .yaml, see docs).

The model takes one photo, 1×3×height×width float32.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision.ops import batched_nms

from counting.detection.detectors.base import (
    MIN_SCORE,
    ClassColumns,
    PhotoBoxes,
    import_library,
    loading,
    refuse_categories,
)
from counting.detection.detectors.onnx_outputs import Description, Raw, decode, read_description
from counting_datasets.errors import CountingError

PADDING = 114
"""Grey of the border of a letterboxed photo."""


class OnnxDetector:
    """A model in onnxruntime, with the description of its input and outputs."""

    def __init__(self, session: Any, about: Description, what: str) -> None:
        self._session, self._about, self._what = session, about, what
        self._columns = ClassColumns.of(about.classes)
        self.categories = self._columns.categories
        side = about.input.size
        self._size = (side, side) if isinstance(side, int) else (side[0], side[1])

    def detect(self, photo: Image.Image) -> PhotoBoxes:
        """The boxes in an RGB photo."""
        pixels, scale = self._pixels(photo)
        names = [output.name for output in self._session.get_outputs()]
        try:
            found = self._session.run(names, {self._session.get_inputs()[0].name: pixels})
        except Exception as error:  # onnxruntime's own kinds
            reason = str(error).splitlines()[0]
            raise CountingError(f"{self._what}: does not run as described ({reason})") from None
        try:
            raw = decode(dict(zip(names, found, strict=True)), self._about, self._size)
        except CountingError as error:
            raise CountingError(f"{self._what}: {error}") from None
        return self._columns.of_arrays(*self._in_photo(raw, scale, photo.size))

    def _pixels(self, photo: Image.Image) -> tuple[NDArray[np.float32], tuple[float, float]]:
        """1×3×H×W input, and the factors from the photo's pixels to the input's."""
        width, height = self._size
        scale = (width / photo.width, height / photo.height)
        if self._about.input.resize == "letterbox":
            scale = (min(scale), min(scale))
        size = (max(1, round(photo.width * scale[0])), max(1, round(photo.height * scale[1])))
        square = Image.new("RGB", self._size, (PADDING,) * 3)
        square.paste(photo.resize(size, Image.Resampling.BILINEAR), (0, 0))
        pixels = np.asarray(square, dtype=np.float32) / 255
        normal = (pixels - self._about.input.mean) / self._about.input.std
        if self._about.input.colours == "BGR":
            normal = normal[:, :, ::-1]
        return np.ascontiguousarray(normal.transpose(2, 0, 1)[None], dtype=np.float32), scale

    def _in_photo(self, raw: Raw, scale: tuple[float, float], size: tuple[int, int]) -> tuple[Any, Any, Any]:
        """Corners in the photo, scores and labels of the boxes that are left after suppression."""
        kept = np.flatnonzero((raw.scores >= MIN_SCORE) & np.isfinite(raw.corners).all(axis=1))
        if self._about.outputs.nms is not None:
            parts = (torch.from_numpy(part[kept]) for part in (raw.corners, raw.scores, raw.labels))
            kept = kept[batched_nms(*parts, self._about.outputs.nms).numpy()]
        corners = (raw.corners[kept] / (*scale, *scale)).clip(0, (*size, *size))
        return corners, raw.scores[kept], raw.labels[kept]


def build(name: str, device: torch.device, categories: Sequence[str] = ()) -> OnnxDetector:
    """The detector in the file ``name``, described by the file of the same name that ends in .yaml.

    Raises:
        CountingError: a file is missing or malformed, or onnxruntime is not installed.
    """
    what = f"onnx:{name}"
    refuse_categories(what, categories)
    file = Path(name).expanduser()
    if not name or not file.is_file():
        raise CountingError(f"{what}: no such file")
    about = read_description(file.with_suffix(".yaml"))
    runtime = import_library("onnxruntime", "onnxruntime", what)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    wanted = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    providers = dict.fromkeys((wanted, "CPUExecutionProvider"))
    with loading(what):
        available = [one for one in providers if one in runtime.get_available_providers()]
        return OnnxDetector(runtime.InferenceSession(str(file), options, providers=available), about, what)
