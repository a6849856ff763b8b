"""Checkpoints: a counter's weights in a safetensors file, with all that is needed to rebuild it in the header."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as serialize
from torch import Tensor

from counting.inputs.grid import Grid
from counting.networks.backbones import Weights, backbone_builder, build_backbone, fingerprint
from counting.networks.cells import Cells
from counting.networks.compact_weights import Precision, compact, expand
from counting.networks.config import Config, parse_config
from counting.networks.counters import Committee, Counter, build_counter, counter_builder
from counting.networks.plugins import import_plugins
from counting.stats.best_guess import BestGuess, best_guesses
from counting.stats.count_distribution import PARAMETERS, SHOWN_FROM, Calibration
from counting.utils.files import write_bytes
from counting.utils.weights_files import read_weights
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol

FORMAT = "everyday-counting/1"
_CALIBRATION = "calibration.weights"
_BACKBONE = "cells.backbone."


@dataclass(frozen=True)
class Checkpoint:
    """A counter, its configuration, its card and, if one was fitted, the calibration of its counts.

    ``non_difficult_scales`` are K factors for its counts under protocols that leave out difficult objects.
    """

    counter: Counter
    config: Config
    card: dict[str, Any]
    calibration: Calibration | None = None
    non_difficult_scales: NDArray[np.float64] | None = None

    def scales_under(self, protocol: Protocol) -> NDArray[np.float64]:
        """K factors for its counts under ``protocol``."""
        if self.non_difficult_scales is None or not protocol.non_difficult:
            return np.ones(len(self.counter.categories))
        return self.non_difficult_scales

    def to(self, device: torch.device) -> "Checkpoint":
        """This checkpoint with its tensors on ``device``; the counter itself is moved."""
        return replace(
            self,
            counter=self.counter.to(device),
            calibration=self.calibration and self.calibration.to(device),
        )

    def guesses(self, raw: NDArray[np.floating]) -> list[BestGuess]:
        """The best guesses for the K raw counts of a photo."""
        if self.calibration is None:
            return best_guesses(raw, None)
        return best_guesses(
            raw, self.calibration.distribution(raw.astype(np.float64)), self.calibration.shown_from
        )


def build(config: Config, categories: tuple[str, ...]) -> Counter:
    """The untrained counter that a configuration describes, on a pretrained backbone."""
    return _build(config, categories, config.backbone.weights or "own")


def build_empty(config: Config, categories: tuple[str, ...]) -> Counter:
    """The counter that a configuration describes, on PyTorch's meta device: shapes of weights without values."""
    with torch.device("meta"):
        return _build(config, categories, None)


def save(
    counter: Counter,
    config: Config,
    path: Path,
    card: dict[str, Any] | None = None,
    calibration: Calibration | None = None,
    *,
    precision: Precision = "single",
    non_difficult_scales: NDArray[np.float64] | None = None,
) -> None:
    """Write ``counter`` to ``path``; a frozen backbone with its own weights is stored as a fingerprint only.

    ``card`` says what it was trained on and how it scored. The counter itself gets the weights
    as they are stored, rounded to ``precision``.
    """
    own = not (config.backbone.weights or config.backbone.subitizing or config.start)
    embedded = config.backbone.frozen and own
    state = counter.state_dict()
    stored = {name: tensor for name, tensor in state.items() if not (embedded and name.startswith(_BACKBONE))}
    stored = compact(stored, precision)
    if precision != "single":
        counter.load_state_dict(expand(stored), strict=False)
    metadata = {
        "format": FORMAT,
        "config": config.model_dump_json(),
        "categories": json.dumps(counter.categories),
        "backbone": fingerprint(counter.cells.backbone),
        "card": json.dumps(card or {}),
    }
    if non_difficult_scales is not None:
        metadata["non_difficult_scales"] = json.dumps(non_difficult_scales.tolist())
    if calibration:
        stored[_CALIBRATION] = calibration.weights
        metadata["largest"] = str(calibration.largest)
        metadata["shown_from"] = str(calibration.shown_from)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in stored.items()}
    write_bytes(path, serialize(tensors, metadata))


def load(path: Path) -> Checkpoint:
    """Read a counter that ``save`` wrote, in evaluation mode.

    Raises:
        CountingError: the file does not exist, is corrupt, is not a counter or is of another version, or its
            backbone has other weights here.
    """
    metadata, tensors = read_weights(path, "counter", FORMAT)
    try:
        values, categories, card = (json.loads(metadata[key]) for key in ("config", "categories", "card"))
        trained_on, scales = metadata["backbone"], _scales(metadata, len(categories))
    except (KeyError, ValueError):
        raise CountingError(f"{path}: corrupt header, train or download the counter again") from None
    config = parse_config(values, str(path))
    calibration = _calibration(path, tensors.pop(_CALIBRATION, None), metadata, len(categories))
    whole = any(name.startswith(_BACKBONE) for name in tensors)
    counter = _build(config, tuple(categories), None if whole else "own")
    if not _fill(counter, expand(tensors), whole=whole):
        raise CountingError(f"{path}: its weights do not fit the {config.counter} that its header describes")
    if fingerprint(counter.cells.backbone) != trained_on:
        raise CountingError(
            f"{path}: its weights of {config.backbone.name} differ from those it was trained on, train it again"
        )
    return Checkpoint(counter.eval(), config, card, calibration, scales)


def _scales(metadata: Mapping[str, str], categories: int) -> NDArray[np.float64] | None:
    """The factors for counts without difficult objects; a ValueError if they do not fit the categories."""
    if "non_difficult_scales" not in metadata:
        return None
    return np.array(json.loads(metadata["non_difficult_scales"]), dtype=np.float64).reshape(categories)


def _calibration(
    path: Path, weights: Tensor | None, metadata: Mapping[str, str], categories: int
) -> Calibration | None:
    if weights is None:
        return None
    try:
        largest, shown_from = int(metadata["largest"]), float(metadata.get("shown_from", SHOWN_FROM))
    except (KeyError, ValueError):
        largest, shown_from = 0, SHOWN_FROM
    if weights.shape != (categories, PARAMETERS) or largest < 1 or not 0 <= shown_from <= 1:
        raise CountingError(f"{path}: its calibration does not fit its {categories} categories")
    return Calibration(weights, largest, shown_from)


def _fill(counter: Counter, tensors: dict[str, Tensor], *, whole: bool) -> bool:
    """Load ``tensors``; returns whether they are exactly the counter's, without its backbone unless ``whole``."""
    try:
        result = counter.load_state_dict(tensors, strict=False)
    except RuntimeError:  # shapes differ
        return False
    missing = [name for name in result.missing_keys if whole or not name.startswith(_BACKBONE)]
    return not missing and not result.unexpected_keys


def check_parts(config: Config) -> None:
    """Import a configuration's plugins, and check that its counter and backbone are known.

    Raises:
        CountingError: a plugin cannot be imported, or the counter or backbone is unknown.
    """
    import_plugins(config.plugins)
    counter_builder(config.counter)
    backbone_builder(config.backbone.name)


def _build(config: Config, categories: tuple[str, ...], weights: Weights) -> Counter:
    check_parts(config)
    grid, side = config.cells.grid, config.cells.side
    backbone = build_backbone(config.backbone.name, weights, side // grid if config.cells.mode == "crop" else side)
    cells = Cells(backbone, Grid(grid), side, config.cells.mode)
    members = [build_counter(config.counter, cells, categories, config.head) for _ in range(config.members)]
    return members[0] if len(members) == 1 else Committee(members)
