"""From a configuration to a trained counter in a run folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from counting.inputs.batches import Hint, Reader, ViewDataset
from counting.inputs.preprocessing import to_square
from counting.inputs.views import view_of
from counting.models.checkpoint import Checkpoint, build, save
from counting.models.config import Config
from counting.models.counters.base import Counter
from counting.models.feature_cache import FeatureCache
from counting.models.locating import CentreMaps, LocatedCells
from counting.models.losses import CountLoss, balancing_weights
from counting.models.zoo import find_counter
from counting.tables.join import check_missing
from counting.training.hint.human_importance import HumanImportance
from counting.training.hint.loss import Grounding
from counting.training.run_folder import RunFolder
from counting.training.subitizing import learn_to_subitize
from counting.training.trainer import Progressed, Trainer
from counting.utils.devices import default_device
from counting.utils.progress import report_skipped
from counting_datasets.catalog import Place, load
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet


@dataclass(frozen=True)
class Learned:
    """What a training run ended with."""

    counter: Counter
    progressed: Progressed
    main_process: bool


def learn(config: Config, run: RunFolder, *, resume: bool = False, device: str | None = None) -> Learned:
    """Train what ``config`` describes, into ``run``; the same configuration gives the same weights on a CPU.

    Raises:
        CountingError: data, weights or the run folder are not as they should be.
    """
    device = device or default_device()
    train, val = (load_split(config, split) for split in (config.data.train, config.data.val))
    if train.categories != val.categories:
        raise CountingError(f"{train.split} and {val.split} of {train.data} list different categories")
    settled = settled_by(config) if config.final else None
    if settled:
        train = train.joined(val)
    processes = PartialState(cpu=device == "cpu")
    if processes.is_main_process:
        run.begin(config, resume=resume)
    torch.manual_seed(config.seed)
    counter = build(config, train.categories)
    if config.start:
        go_on_from(config.start, counter)
    elif config.backbone.frozen and isinstance(counter.cells, LocatedCells):
        raise CountingError(f"{config.counter} learns to locate: set backbone.frozen to false, or start from one")
    if config.backbone.subitizing:
        kept = run.path / "weights" / "subitizing.safetensors"
        with processes.main_process_first():
            learn_to_subitize(counter.cells.backbone, config.backbone.subitizing, config.seed, kept, device)
    counter.cells.backbone.freeze(config.backbone.frozen_stages)
    if config.backbone.frozen_depthwise:
        counter.cells.backbone.freeze_depthwise()
    criterion = _criterion(config, train)
    trainer = Trainer(
        counter,
        criterion,
        config.optimization,
        seed=config.seed,
        device=device,
        frozen=config.backbone.frozen,
        grounding=Grounding(config.hint.weight) if config.hint else None,
        centres=config.loss.centres,
    )
    if settled:
        counter.scale.copy_(settled.counter.scale)
    learning, validating = _datasets(config, trainer, train, val)
    calibration = settled.calibration if settled else None

    def write(path: Path, card: dict[str, Any]) -> None:
        save(counter, config, path, {"data": f"{train.data}/{train.split}", **card}, calibration)

    progressed = trainer.fit(learning, None if settled else validating, run, write, resume=resume)
    return Learned(counter, progressed, processes.is_main_process)


def go_on_from(start: str, counter: Counter) -> None:
    """Give ``counter`` the weights of the one called ``start``: a zoo name, run folder or .safetensors file.

    Raises:
        CountingError: there is none, or it is of another shape or other categories.
    """
    other = find_counter(start, "cpu").counter
    if other.categories != counter.categories:
        raise CountingError(f"start: {start} counts other categories: {', '.join(other.categories)}")
    try:
        counter.load_state_dict(other.state_dict())
    except RuntimeError:
        raise CountingError(f"start: the weights of {start} do not fit this configuration's counter") from None
    counter.scale.fill_(1)


def settled_by(config: Config) -> Checkpoint:
    """The counter of the run that ``config.final`` names; it may have gone on from another start.

    Raises:
        CountingError: there is none, or it was trained with other settings.
    """
    settled = find_counter(str(config.final), "cpu")
    if settled.config.model_copy(update={"final": config.final, "start": config.start}) != config:
        raise CountingError(f"final: {config.final} was trained with other settings than these")
    return settled


def load_split(config: Config, split: str) -> SceneSet:
    """One of the splits that ``config.data`` names, under its protocol."""
    data = config.data
    annotations = Path(split) if split.endswith(".json") else None
    scenes = load(data.name, split, Place(data.root, annotations, data.images, data.categories))
    return scenes.under(Protocol.parse(data.protocol, scenes.family))


def _criterion(config: Config, train: SceneSet) -> CountLoss:
    loss = config.loss
    counts = train.counts(Protocol.parse(config.data.protocol, train.family))
    return CountLoss(loss.kind, loss.on, loss.beta, balancing_weights(counts) if loss.balanced else None)


def _datasets(config: Config, trainer: Trainer, train: SceneSet, val: SceneSet) -> tuple[ViewDataset, ViewDataset]:
    counter, options = trainer.counter, config.optimization
    protocol = Protocol.parse(config.data.protocol, train.family)
    if config.backbone.frozen:
        cache = FeatureCache(counter.cells)
        read: Reader = cache.read
        read_val: Reader = cache.read
        with trainer.accelerator.main_process_first():
            lost, lost_of_val = cache.fill(train, options.views), cache.fill(val)
    else:
        read = PhotoReader(counter, options.side or counter.cells.side, options.zoom_out)
        read_val = PhotoReader(counter, counter.cells.side)
        lost, lost_of_val = missing_photos(train), missing_photos(val)
    hint = _hint(config, counter, protocol)
    return (
        ViewDataset(without(train, lost), read, counter.grid, protocol, options.views, config.seed, hint),
        ViewDataset(without(val, lost_of_val), read_val, counter.grid, protocol),
    )


def _hint(config: Config, counter: Counter, protocol: Protocol) -> Hint | None:
    if config.hint:
        return HumanImportance(config.hint, counter.cells.grid, protocol, config.seed)
    if config.loss.centres:
        if not isinstance(counter.cells, LocatedCells):
            raise CountingError(f"loss.centres: {config.counter} does not locate, loc_sub does")
        return CentreMaps(protocol, counter.cells.places(config.optimization.side or counter.cells.side))
    return None


@dataclass(frozen=True)
class PhotoReader:
    """Reads views as normalized photos of side × side pixels, for a backbone that learns too."""

    counter: Counter
    side: int
    zoom_out: bool = False

    def __call__(self, scene: Scene, view: int) -> Any:
        normalization = self.counter.cells.backbone.normalization
        photo, objects = view_of(scene, view, self.side, zoom_out=self.zoom_out)
        return normalization(to_square(photo, self.side, normalization.interpolation)), objects


def missing_photos(scenes: SceneSet) -> dict[str, str]:
    """The scenes whose photo is not there: id → why they cannot be used."""
    return {scene.id: f"{scene.path}: no such photo" for scene in scenes if not scene.path.is_file()}


def without(scenes: SceneSet, lost: dict[str, str]) -> list[Scene]:
    """The scenes whose photos could be read; the others are reported.

    Raises:
        CountingError: more than a tenth is lost, or nothing is left.
    """
    kept = [scene for scene in scenes if scene.id not in lost]
    gone = [reason for scene in scenes if (reason := lost.get(scene.id))]
    report_skipped(gone)
    check_missing(gone, len(scenes), f"photos of {scenes.data} {scenes.split}")
    return kept
