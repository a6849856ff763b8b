"""The base class of all trained counters, and the registry of counters."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from inspect import signature
from typing import Annotated, Any, NamedTuple, Protocol

import torch
from PIL import Image
from pydantic import Field, PositiveInt, ValidationError, validate_call
from torch import Tensor, nn

from counting.inputs.grid import Grid
from counting.inputs.preprocessing import to_square
from counting.inputs.views import View
from counting.networks.cells import Cells
from counting.networks.losses import CountLoss
from counting_datasets.errors import CountingError, choices, unknown_key
from counting_datasets.protocol import Protocol as CountingProtocol
from counting_datasets.scene import Scene


class Outputs(NamedTuple):
    """What a counter computes from a training batch, for its losses.

    Attributes:
        features: B×feature cells×width.
        head: the head's output, as ``Counter.raw_counts`` takes it.
        maps: further outputs of the cells, by name.
    """

    features: Tensor
    head: Tensor
    maps: dict[str, Tensor]


class AuxiliaryLoss(Protocol):
    """A loss beside the count loss, with a target of its own for every view of a scene."""

    @property
    def name(self) -> str:
        """A name that is unique among the losses of a run."""

    @property
    def weight(self) -> float:
        """The factor by which the loss is multiplied before it is added to the count loss."""

    def target(self, scene: Scene, view: View) -> Tensor:
        """The loss's target for a view; all targets of a run have the same shape."""

    def __call__(self, counter: "Counter", outputs: Outputs, targets: Tensor) -> Tensor:
        """A batch's outputs and its B×... targets → the loss, a scalar, not multiplied by ``weight``."""


class Counter(nn.Module):
    """Features of cells, and a head that turns them into raw counts per cell and category.

    Attributes:
        cells: computes cell features from photos.
        head: B×feature cells×width → the input of ``raw_counts``.
        categories: the names of the K categories.
        grid: the cells of the counts; glance has several feature cells but one count for the whole photo.
        scale: a factor for all counts; 1 unless fitted after training.
        takes_count_loss: whether ``loss`` uses its criterion.
    """

    scale: Tensor
    takes_count_loss: bool = True

    def __init__(self, cells: Cells, head: nn.Module, categories: Sequence[str], grid: Grid | None = None) -> None:
        super().__init__()
        self.cells = cells
        self.head = head
        self.categories = tuple(categories)
        self.grid = grid or cells.grid
        self.register_buffer("scale", torch.ones(()))

    def preprocess(self, photo: Image.Image) -> Tensor:
        """An RGB photo of any size → 3×side×side, as ``forward`` takes it."""
        normalization = self.cells.backbone.normalization
        square = to_square(photo, self.cells.side, normalization.interpolation)
        return normalization(square)

    def forward(self, images: Tensor) -> Tensor:
        """B×3×side×side normalized photos → B×cells×K raw counts, cells row by row, unclipped."""
        return self.from_features(self.cells(images))

    def from_features(self, features: Tensor) -> Tensor:
        """B×feature cells×width → B×cells×K raw counts."""
        return self.raw_counts(self.head(features)) * self.scale

    def count(self, images: Tensor) -> Tensor:
        """B×3×side×side normalized photos → B×K counts: clipped at 0 per cell, summed, not rounded."""
        return count_cells(self(images))

    def raw_counts(self, output: Tensor) -> Tensor:
        """The head's output → B×cells×K raw counts, not multiplied by ``scale``."""
        return output

    def loss(self, output: Tensor, target: Tensor, criterion: CountLoss) -> Tensor:
        """The training loss of the head's output, for B×cells×K fractional counts, NaN where unknown."""
        return criterion(self.raw_counts(output), target)

    def auxiliary_losses(
        self, weights: Mapping[str, float], protocol: CountingProtocol, side: int
    ) -> tuple[AuxiliaryLoss, ...]:
        """The counter's own losses, which training adds to the count loss; here there are none.

        Args:
            weights: name of a loss → its configured weight.
            protocol: which objects count.
            side: height and width of training photos in pixels.
        """
        return ()


def count_cells(raw: Tensor) -> Tensor:
    """B×cells×K raw counts → B×K: clipped at 0 per cell, then summed (CEOS)."""
    return raw.clamp(min=0).sum(dim=1)


Builder = Callable[..., Counter]
Hidden = list[PositiveInt]
Dropout = Annotated[float, Field(ge=0, lt=1)]


_COUNTERS: dict[str, Builder] = {}


def register_counter(name: str) -> Callable[[Builder], Builder]:
    """A decorator that registers ``builder(cells, categories, **options) -> Counter`` as ``name``, for use in
    configurations.

    The options are the keys of the configuration's ``head``; they are checked against the builder's annotations.
    """

    def register(builder: Builder) -> Builder:
        _COUNTERS[name] = validate_call(config={"arbitrary_types_allowed": True})(builder)
        return builder

    return register


def registered_counters() -> tuple[str, ...]:
    """The names of all counters that can be trained, including those of installed packages."""
    plugins = {entry.name for entry in entry_points(group="counting.counters")}
    return tuple(sorted(plugins | set(_COUNTERS)))


def counter_builder(name: str) -> Builder:
    """The registered builder of the counter called ``name``, or that of an entry point.

    Raises:
        CountingError: no such counter.
    """
    if name not in _COUNTERS:
        for entry in entry_points(group="counting.counters", name=name):
            entry.load()
    if name not in _COUNTERS:
        raise CountingError(f"unknown counter {name!r}: {choices(name, registered_counters())}")
    return _COUNTERS[name]


def build_counter(name: str, cells: Cells, categories: Sequence[str], options: dict[str, Any]) -> Counter:
    """The counter called ``name``: a registered one or an entry point of the group ``counting.counters``.

    Raises:
        CountingError: the counter is unknown, or an option is unknown, missing or wrong.
    """
    builder = counter_builder(name)
    try:
        return builder(cells, tuple(categories), **options)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "unexpected_keyword_argument":
            known = list(signature(builder).parameters)[2:]
            raise CountingError(f"head: {unknown_key(key, known)} (counter {name})") from None
        what = "missing" if first["type"] == "missing_argument" else first["msg"].lower()
        raise CountingError(f"head.{key}: {what} (counter {name})") from None


def embedding(width: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    """Dropout, then [Linear → LayerNorm → ReLU → dropout] for each hidden size: ...×width → ...×hidden[-1].

    LayerNorm replaces the BatchNorm of the released code, so that counts do not depend on the rest of the batch.
    """
    layers: list[nn.Module] = [nn.Dropout(dropout)]
    for size in hidden:
        layers += [nn.Linear(width, size), nn.LayerNorm(size), nn.ReLU(), nn.Dropout(dropout)]
        width = size
    return nn.Sequential(*layers)


def mlp(width: int, hidden: Sequence[int], out: int, dropout: float) -> nn.Sequential:
    """An embedding and a Linear: ...×width → ...×out."""
    return nn.Sequential(*embedding(width, hidden, dropout), nn.Linear([width, *hidden][-1], out))
