"""Trained counters run by onnxruntime, which is faster than PyTorch on a CPU."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counting.export.cached_onnx import cached_onnx
from counting.export.exportable import CELLS, INPUT, PEAKS
from counting.export.packages import need
from counting.inputs.batches import batched
from counting.inputs.photo_sources import PhotoSource
from counting.networks.inference import PhotoCounts, in_threads
from counting.networks.locating import located_points
from counting.networks.zoo import find_counter, find_weights
from counting.predictor.count_result import CountResult
from counting.predictor.trained_counter import TrainedCounter
from counting_datasets.errors import CountingError, PhotoError

if TYPE_CHECKING:
    from counting.networks.checkpoint import Checkpoint


class OnnxCounter(TrainedCounter):
    """The engine of a trained counter whose photos are counted by the ONNX file at ``path``.

    Questions and explanations, which need the counter's features and gradients, use PyTorch.
    """

    def __init__(self, checkpoint: "Checkpoint", path: Path) -> None:
        super().__init__(checkpoint)
        self._session = _session(path)
        outputs = [output.name for output in self._session.get_outputs()]
        self._outputs = [name for name in (CELLS, PEAKS) if name in outputs]

    def stream(
        self, sources: Iterator[PhotoSource], workers: int
    ) -> Iterator[tuple[PhotoSource, CountResult | PhotoError]]:
        """Each photo with its counts, in order, counted by ``workers`` threads."""
        yield from in_threads(self._count, batched(sources, 1), workers)

    def _count(self, sources: Sequence[PhotoSource]) -> list[tuple[PhotoSource, CountResult | PhotoError]]:
        (source,) = sources
        try:
            photo = source.open()
        except PhotoError as error:
            return [(source, error)]
        images = self.checkpoint.counter.preprocess(photo)[None].numpy()
        cells, *peaks = self._session.run(self._outputs, {INPUT: images})
        points = tuple(located_points(peaks[0][0])) if peaks else None
        return [(source, self.result(source, PhotoCounts(source.path, photo, cells[0], points)))]


def onnx_counter(name: str) -> OnnxCounter:
    """The counter called ``name``, exported to the cache folder unless it is there already.

    Raises:
        CountingError: no such counter, a package is missing, or the counter cannot be exported.
    """
    need("onnxruntime")
    checkpoint, weights = find_counter(name, "cpu"), find_weights(name)
    try:
        return OnnxCounter(checkpoint, cached_onnx(checkpoint, weights))
    except _CorruptFileError:
        return OnnxCounter(checkpoint, cached_onnx(checkpoint, weights, anew=True))


class _CorruptFileError(CountingError):
    """An ONNX file that onnxruntime does not read."""


def _session(path: Path) -> Any:
    """An onnxruntime session with one thread per photo, as several photos are counted in parallel.

    Raises:
        _CorruptFileError: it is not an ONNX file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base class
        raise _CorruptFileError(f"{path}: corrupt ONNX file ({str(error).splitlines()[0]})") from None
