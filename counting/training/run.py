"""From a configuration to a trained counter in a run folder."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from counting.networks.checkpoint import Checkpoint, build, check_parts, save
from counting.networks.config import Config, LossConfig
from counting.networks.counters.base import AuxiliaryLoss, Counter
from counting.networks.losses import CountLoss, balancing_weights
from counting.networks.widening import OldWeights, take_over, train_new_categories_alone
from counting.networks.zoo import find_counter
from counting.training.data import TrainingData, datasets, load_data
from counting.training.hint.human_importance import HumanImportance
from counting.training.hint.loss import HintLoss
from counting.training.run_folder import RunFolder
from counting.training.subitizing import learn_to_subitize
from counting.training.teacher import TeacherLoss
from counting.training.trainer import Trainer, TrainingProgress, start_processes
from counting.utils.derivatives import evaluation_mode
from counting.utils.devices import find_device
from counting_datasets.errors import CountingError

MOST_WORKERS = 8
"""Largest default number of processes that read photos."""


@dataclass(frozen=True)
class Trained:
    """The end of a training run.

    Attributes:
        counter: as the last epoch left it.
        data: what it was trained and validated on.
        progress: its epochs and their scores.
        device: where it was trained.
        main_process: whether this process, of perhaps several, writes files and reports to the user.
    """

    counter: Counter
    data: TrainingData
    progress: TrainingProgress
    device: torch.device
    main_process: bool


def train_counter(
    config: Config,
    run: RunFolder,
    *,
    resume: bool = False,
    device: str | torch.device | None = None,
    workers: int | None = None,
) -> Trained:
    """Train the counter that ``config`` describes, into ``run``.

    On a CPU the same configuration always gives the same weights, with any number of ``workers`` that read photos;
    by default there is none on a CPU, whose cores are busy, and up to eight beside another device.

    Raises:
        CountingError: the data, weights, device or run folder are not as they should be.
    """
    check_parts(config)
    accelerator, place = start_processes(find_device(device))
    if workers is None:
        idle = place.type == "cpu" or config.backbone.frozen
        workers = 0 if idle else min(MOST_WORKERS, os.cpu_count() or 1)
    data = load_data(config)
    chosen = chosen_settings(config) if config.final else None
    torch.manual_seed(config.seed)
    counter = build(config, data.train.categories).to(place)
    if accelerator.is_main_process:
        run.begin(config, resume=resume)
    with accelerator.main_process_first():
        old = prepare(config, counter, run)
    criterion = count_loss(config, counter, data)
    losses = auxiliary_losses(config, counter, data, criterion)
    with accelerator.main_process_first():
        train, val = datasets(config, data, counter, losses)
    if chosen:
        counter.scale.copy_(chosen.counter.scale)

    def write(path: Path, card: dict[str, Any]) -> None:
        trained_on = {"data": f"{data.train.data}/{data.train.split}"}
        save(counter, config, path, {**trained_on, **card}, chosen.calibration if chosen else None)

    trainer = Trainer(counter, criterion, losses, config, accelerator, place, workers, old)
    progress = trainer.fit(train, val, run, write, resume=resume)
    return Trained(counter, data, progress, place, accelerator.is_main_process)


def chosen_settings(config: Config) -> Checkpoint:
    """The counter of the run that ``config.final`` names; only its start may be another.

    Raises:
        CountingError: there is no such run, or its other settings differ.
    """
    chosen = find_counter(str(config.final), "cpu")
    if chosen.config.model_copy(update={"final": config.final, "start": config.start}) != config:
        raise CountingError(f"final: {config.final} was trained with other settings than these")
    return chosen


def prepare(config: Config, counter: Counter, run: RunFolder) -> OldWeights | None:
    """Give a new counter its initial weights, and fix those that stay as they are.

    Returns the weights that an optimizer changes with others and that are to be restored, if there are any.

    Raises:
        CountingError: the start does not fit, or some weights would never be trained.
    """
    backbone = counter.cells.backbone
    old = None
    if config.start:
        old = start_from(config.start, counter, config)
    elif config.backbone.frozen and set(counter.cells.parameters()) > set(backbone.parameters()):
        raise CountingError(
            f"{config.counter} has weights between its backbone and its head: set backbone.frozen to false, or "
            "start from a counter that has learned them"
        )
    if config.backbone.subitizing:
        learn_to_subitize(backbone, config.backbone.subitizing, config.seed, run.subitized)
    _check_side(counter, config.optimization.side or counter.cells.side)
    backbone.freeze(config.backbone.frozen_stages)
    if config.backbone.frozen_depthwise:
        backbone.freeze_depthwise()
    return old


@torch.inference_mode()
def _check_side(counter: Counter, side: int) -> None:
    """Make sure that photos of side × side pixels can be trained on.

    Raises:
        CountingError: the backbone is made for another size.
    """
    if side == counter.cells.side:
        return
    try:
        with evaluation_mode(counter):
            counter.cells(next(counter.parameters()).new_zeros(1, 3, side, side))
    except (RuntimeError, AssertionError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise CountingError(f"optimization.side {side}: the backbone takes no such photos ({why})") from None


def start_from(start: str, counter: Counter, config: Config) -> OldWeights | None:
    """Give ``counter`` the weights of the one called ``start``: a zoo name, run folder or .safetensors file.

    It may count categories that the start does not count. With ``config.keep``, the weights of all others are
    frozen: returns those that share a tensor with new ones.

    Raises:
        CountingError: there is none, they share no category, or their shapes differ.
    """
    other = find_counter(start, "cpu")
    try:
        if other.counter.categories == counter.categories:
            counter.load_state_dict(other.counter.state_dict())
        else:
            take_over(counter, config, other)
    except RuntimeError:
        raise CountingError(f"start: the weights of {start} do not fit this configuration's counter") from None
    except CountingError as error:
        raise CountingError(f"start: {start}: {error}") from None
    if config.keep:
        return train_new_categories_alone(counter, other.counter.categories, config)
    counter.scale.fill_(1)
    return None


def count_loss(config: Config, counter: Counter, data: TrainingData) -> CountLoss:
    """The main loss that ``config.loss`` describes.

    Raises:
        CountingError: the counter has a loss of its own instead.
    """
    loss = config.loss
    if not counter.takes_count_loss and loss != LossConfig():
        raise CountingError(f"loss: {config.counter} is trained with a loss of its own, leave this section out")
    weights = balancing_weights(data.certain_counts()) if loss.balanced else None
    return CountLoss(loss.kind, loss.on, loss.beta, weights)


def auxiliary_losses(
    config: Config, counter: Counter, data: TrainingData, criterion: CountLoss
) -> list[AuxiliaryLoss]:
    """The counter's own losses and, where configured, HINT and a teacher's.

    Raises:
        CountingError: a loss has a weight, but the counter has no such loss.
    """
    weights = {"centres": config.loss.centres}
    side = config.optimization.side or counter.cells.side
    losses = list(counter.auxiliary_losses(weights, data.protocol, side))
    for name in weights.keys() - {loss.name for loss in losses}:
        if weights[name]:
            raise CountingError(f"loss.{name}: {config.counter} has no such loss")
    if config.hint:
        human = HumanImportance(config.hint, counter.cells.grid, data.protocol, config.seed)
        losses.append(HintLoss(config.hint.weight, human))
    if teacher := config.teacher:
        losses.append(TeacherLoss(teacher.weight, criterion, counter.grid, teacher.distill))
    return losses
