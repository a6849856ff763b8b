"""The predictor: a loaded counter that counts photos, answers questions about them and explains its counts."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from counting.detection.detectors.registry import COUNTER_FILE, is_detector
from counting.inputs.photo_sources import PhotoSource, is_folder, is_several, photo_sources
from counting.networks.inference import default_workers
from counting.networks.zoo import BEST, find_counter
from counting.predictor.count_result import CountResult
from counting.predictor.tiling import Tile, check_tile
from counting.predictor.trained_counter import TrainedCounter
from counting_datasets.errors import CountingError, PhotoError

if TYPE_CHECKING:
    import torch

    from counting.explain.explanation import Explanation
    from counting.networks.checkpoint import Checkpoint
    from counting.predictor.answer import AskedCount

OnError = Literal["raise", "skip"] | Callable[[PhotoError], object]

Runtime = Literal["torch", "onnx"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)


class Engine(Protocol):
    """What turns photos into counts: a trained counter or a detector."""

    categories: tuple[str, ...]

    def stream(
        self, sources: Iterator[PhotoSource], workers: int
    ) -> Iterator[tuple[PhotoSource, CountResult | PhotoError]]:
        """Each photo with its counts, or with the error if it cannot be read, in order."""
        ...

    def distribution(self, raw: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """…×K raw counts → …×K×(L + 1) probabilities of the counts 0, 1, …; None without calibration."""
        ...


class Predictor:
    """A counter as ``counting.load`` returns it.

    A photo is a path (a string or ``PathLike``), the bytes of an image file, a PIL image of any mode, a uint8
    array H×W (grey), H×W×3 (RGB) or H×W×4 (RGBA), or a tensor 3×H×W, uint8 or float from 0 to 1. Photos are
    turned upright by their EXIF orientation.

    Attributes:
        name: the name passed to ``load``.
        categories: the K names that it counts.
    """

    def __init__(self, name: str, engine: Engine) -> None:
        self.name = name
        self.categories = engine.categories
        self._engine = engine

    def count(self, photo: Any, *, tile: Tile | None = None) -> Any:
        """Count in one photo, or in several.

        Args:
            photo: a photo, or several: a list or other iterable of photos, or the path of a folder.
            tile: count large photos also in overlapping tiles: their number along the longer side, or "auto".

        Returns:
            A ``CountResult``; for several photos, a list of them, in order.

        Raises:
            PhotoError: a photo cannot be read; the message names it.
            CountingError: the folder has no photos, the path is empty, ``tile`` is invalid, or the counter does
                not locate objects, as tiles require.
        """
        if is_several(photo) or is_folder(photo):
            return list(self.stream(photo, tile=tile))
        (result,) = self.stream(photo, workers=1, tile=tile)
        return result

    def stream(
        self, photos: Any, *, on_error: OnError = "raise", workers: int | None = None, tile: Tile | None = None
    ) -> Iterator[CountResult]:
        """Count any number of photos, with only a few of them in memory at a time.

        Args:
            photos: as ``count`` takes them; a generator is read only as far as needed.
            on_error: what to do with a photo that cannot be read: "raise" a ``PhotoError``, "skip" the photo, or
                a function that is called with the error before counting continues.
            workers: number of threads; by default one per processor, at most 8.
            tile: as for ``count``.

        Raises:
            PhotoError: a photo cannot be read, with ``on_error="raise"``.
            CountingError: the folder has no photos, the path is empty, ``on_error``, ``workers`` or ``tile`` is
                invalid, or the counter does not locate objects, as tiles require.
        """
        if on_error not in ("raise", "skip") and not callable(on_error):
            raise CountingError(f'on_error={on_error!r}: use "raise", "skip" or a function')
        threads = default_workers() if workers is None else workers
        if threads < 1:
            raise CountingError(f"workers={threads}: there must be at least one")
        if tile is not None:
            return self.tiled(tile).stream(photos, on_error=on_error, workers=threads)
        return self._stream(photos, on_error, threads)

    def tiled(self, tile: Tile) -> "Predictor":
        """The same counter, but it counts large photos also in tiles; ``tile`` is that of ``count``.

        Raises:
            CountingError: ``tile`` is invalid, or the counter does not locate objects.
        """
        check_tile(tile)
        if type(self._engine) is not TrainedCounter:
            raise CountingError(f"{self.name}: tiles need a loc-sub counter, run by PyTorch")
        return Predictor(self.name, self._engine.tiled(tile))

    def _stream(self, photos: Any, on_error: OnError, workers: int) -> Iterator[CountResult]:
        for _, counted in self._engine.stream(photo_sources(photos), workers):
            if not isinstance(counted, PhotoError):
                yield counted
            elif callable(on_error):
                on_error(counted)
            elif on_error == "raise":
                raise counted

    def ask(self, photo: Any, question: str) -> "AskedCount":
        """Answer a question such as "how many dogs are there?" from the counts of a photo.

        The answer has ``.count``, ``.low``, ``.high`` (the 80 % interval), ``.text`` and ``.understood``. If
        counts cannot answer the question, no error is raised: ``.count`` is None and ``.reason`` says why.

        Raises:
            PhotoError: the photo cannot be read.
        """
        from counting.predictor.answer import ask

        source = PhotoSource.of(photo)
        return ask(self.categories, lambda: next(self.stream(source, workers=1)), question)

    def questions(self, photo: Any) -> "list[AskedCount]":
        """Different questions about a photo with their answers, most probable first.

        Raises:
            PhotoError: the photo cannot be read.
            CountingError: this is a detector, or the question generator knows none of the counter's categories.
        """
        from counting.predictor.answer import questions

        return questions(self._trained.fast, PhotoSource.of(photo))

    def explain(self, photo: Any, category: str) -> "Explanation":
        """Where in a photo the count of ``category`` comes from.

        The explanation has ``.map`` (H×W float32, 0–1, high where the photo raises the count), ``.score`` (the
        sum of the cells' raw counts) and ``.figure()`` (a PIL image).

        Raises:
            PhotoError: the photo cannot be read.
            CountingError: the counter does not count the category.
        """
        from counting.explain.count_explanation import explain_category

        return explain_category(self.checkpoint, PhotoSource.of(photo).open(), category)

    def distribution(self, raw: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """N×K raw counts → N×K×(L + 1) probabilities of the counts 0, 1, …; None for an uncalibrated counter."""
        return self._engine.distribution(raw)

    @property
    def checkpoint(self) -> "Checkpoint":
        """The trained counter with its calibration and card.

        Raises:
            CountingError: this is a detector, which has neither.
        """
        return self._trained.checkpoint

    @property
    def _trained(self) -> TrainedCounter:
        if not isinstance(self._engine, TrainedCounter):
            raise CountingError(f"{self.name} is a detector: it counts and answers, only trained counters explain")
        return self._engine

    def __repr__(self) -> str:
        return f"Predictor({self.name!r}, counts {len(self.categories)} things)"


def load(
    name: Any = None,
    device: "str | torch.device | None" = None,
    categories: Sequence[str] = (),
    runtime: Runtime = "torch",
    tile: Tile | None = None,
) -> Predictor:
    """A counter, ready to count.

    Args:
        name: a name from ``counting.models()``, a run folder, a .safetensors file, or a detector
            (``torchvision:NAME``, ``ultralytics:FILE``, …). A detector is calibrated if the file of its fitted
            counter is appended: ``torchvision:NAME+FILE.counter.json``. If None, the default counter.
        device: "cpu", "cuda", "cuda:1" or "mps"; if None, cuda if available, else cpu.
        categories: the categories that a zero-shot detector should count, in words.
        runtime: "torch", or "onnx" to count with onnxruntime on a CPU. The counter is exported to the cache folder
            the first time.
        tile: count all photos in tiles, as ``Predictor.count`` does.

    Raises:
        CountingError: there is no such counter, device or runtime; the counter's file is corrupt; ``categories``
            are given to a counter that has its own; or the counter does not locate objects, as tiles require.

    Examples:
        >>> counter = load("voc2007-aso-sub")
        >>> counter.count(np.zeros((60, 80, 3), dtype=np.uint8)).counts
        {}
    """
    called = str(BEST if name is None else name)
    _check_runtime(runtime, called, device)
    predictor = _load(called, device, categories, runtime)
    return predictor if tile is None else predictor.tiled(tile)


def _load(
    called: str, device: "str | torch.device | None", categories: Sequence[str], runtime: Runtime
) -> Predictor:
    if is_detector(called):
        from counting.predictor.detector_engine import load_engine

        return Predictor(called, load_engine(called, device, categories))
    if called.lower().endswith(COUNTER_FILE):
        raise CountingError(f"{called}: a fitted counter follows its detector, such as torchvision:NAME+FILE")
    if categories:
        raise CountingError(f"{called} has categories of its own: only zero-shot detectors take others by name")
    if runtime == "onnx":
        from counting.predictor.onnx_engine import onnx_counter

        return Predictor(called, onnx_counter(called))
    return Predictor(called, TrainedCounter(find_counter(called, device)))


def _check_runtime(runtime: str, name: str, device: "str | torch.device | None") -> None:
    if runtime not in RUNTIMES:
        raise CountingError(f'runtime={runtime!r}: use "torch" or "onnx"')
    if runtime == "onnx" and is_detector(name):
        raise CountingError(f"{name} is a detector: runtime onnx counts with trained counters")
    if runtime == "onnx" and device is not None and str(device) != "cpu":
        raise CountingError(f"runtime onnx counts on the CPU, not on device {str(device)!r}")
