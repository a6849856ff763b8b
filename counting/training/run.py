"""A training run, from its configuration to a trained counter in a run folder."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from counting.networks.checkpoint import Checkpoint, build, check_parts, save
from counting.networks.config import Config
from counting.networks.config_sections import LossConfig
from counting.networks.counters import Committee
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

MAX_WORKERS = 8
"""Largest default number of processes that read photos."""


@dataclass(frozen=True)
class Trained:
    """The result of a training run.

    Attributes:
        counter: the counter after the last epoch.
        data: the data that it was trained and validated on.
        progress: its epochs and their scores.
        device: the device that it was trained on.
        main_process: whether this is the process that writes files and reports to the user.
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
    """Train the counter that ``config`` describes, and write it to ``run``.

    On a CPU, the same configuration always gives the same weights, for any number of ``workers`` (processes that
    read photos). The default is 0 on a CPU, whose cores are busy with training, and up to eight otherwise.

    Raises:
        CountingError: the data, weights or device cannot be used, or the run folder does not fit the request.
    """
    check_parts(config)
    accelerator, found_device = start_processes(find_device(device))
    if workers is None:
        useless = found_device.type == "cpu" or config.backbone.frozen
        workers = 0 if useless else min(MAX_WORKERS, os.cpu_count() or 1)
    data = load_data(config)
    chosen = chosen_settings(config) if config.final else None
    torch.manual_seed(config.seed)
    counter = build(config, data.train.categories).to(found_device)
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
        settled = chosen or Checkpoint(counter, config, card)
        save(
            counter,
            config,
            path,
            {**trained_on, **card},
            settled.calibration,
            non_difficult_scales=settled.non_difficult_scales,
        )

    trainer = Trainer(counter, criterion, losses, config, accelerator, found_device, workers, old)
    progress = trainer.fit(train, val, run, write, resume=resume)
    return Trained(counter, data, progress, found_device, accelerator.is_main_process)


def chosen_settings(config: Config) -> Checkpoint:
    """The counter of the run that ``config.final`` names; only ``start`` may differ from ``config``.

    Raises:
        CountingError: there is no such run, or other settings differ.
    """
    chosen = find_counter(str(config.final), "cpu")
    if chosen.config.model_copy(update={"final": config.final, "start": config.start}) != config:
        raise CountingError(f"final: {config.final} was trained with other settings, see its config.yaml")
    return chosen


def prepare(config: Config, counter: Counter, run: RunFolder) -> OldWeights | None:
    """Give a new counter its initial weights, and freeze those that are not trained.

    Returns the weights that must be restored after every optimizer step, if there are any.

    Raises:
        CountingError: the start does not fit, or some weights would never be trained.
    """
    backbone = counter.cells.backbone
    old = None
    if config.start:
        old = start_from(config.start, counter, config)
    elif config.backbone.frozen and set(counter.cells.parameters()) > set(backbone.parameters()):
        raise CountingError(
            f"{config.counter} has untrained weights between its frozen backbone and head: set backbone.frozen "
            "to false, or start from a trained counter"
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
    """Check that the counter can be trained on photos of side × side pixels.

    Raises:
        CountingError: the backbone does not accept this size.
    """
    if side == counter.cells.side:
        return
    try:
        with evaluation_mode(counter):
            counter.cells(next(counter.parameters()).new_zeros(1, 3, side, side))
    except (RuntimeError, AssertionError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise CountingError(f"optimization.side {side}: the backbone does not accept this side ({why})") from None


def start_from(start: str, counter: Counter, config: Config) -> OldWeights | None:
    """Initialize ``counter`` from ``start``: a zoo name, run folder or .safetensors file.

    A single counter gives a committee its cells, and its head to the first member; the other members' heads keep
    their initial weights. The counter may count categories that the start lacks. With ``config.keep``, only their
    weights are trained, and the weights that share a tensor with them are returned.

    Raises:
        CountingError: there is no such start, the two share no category, or their weights' shapes differ.
    """
    other = find_counter(start, "cpu")
    try:
        if isinstance(counter, Committee) and not isinstance(other.counter, Committee):
            counter.start_from_member(other.counter)
        elif other.counter.categories == counter.categories:
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
        CountingError: there are options for it, but the counter uses a loss of its own.
    """
    loss = config.loss
    if not counter.takes_count_loss and loss != LossConfig():
        raise CountingError(f"loss: {config.counter} has a loss of its own, leave this section out")
    weights = balancing_weights(data.certain_counts()) if loss.balanced else None
    return CountLoss(loss.kind, loss.on, loss.beta, weights)


def auxiliary_losses(
    config: Config, counter: Counter, data: TrainingData, criterion: CountLoss
) -> list[AuxiliaryLoss]:
    """The counter's own losses and, if configured, the losses of HINT and of a teacher.

    Raises:
        CountingError: a loss has a weight, but the counter does not have it.
    """
    weights = {"centres": config.loss.centres}
    side = config.optimization.side or counter.cells.side
    losses = list(counter.auxiliary_losses(weights, data.protocol, side))
    for name in weights.keys() - {loss.name for loss in losses}:
        if weights[name]:
            raise CountingError(f"loss.{name}: {config.counter} does not have this loss, set it to 0")
    if config.hint:
        human = HumanImportance(config.hint, counter.cells.grid, data.protocol, config.seed)
        losses.append(HintLoss(config.hint.weight, human))
    if teacher := config.teacher:
        losses.append(TeacherLoss(teacher.weight, criterion, counter.grid, teacher.distill))
    return losses
