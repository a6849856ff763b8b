"""The training loop, for a head on cached features or for a whole counter on photos."""

import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import convert_to_fp32, send_to_device
from torch import Tensor, nn
from torch.utils.data import DataLoader

from counting.inputs.batches import Batch, EpochSampler, ViewDataset
from counting.networks.config import Config
from counting.networks.config_sections import OptimizationConfig
from counting.networks.counters.base import AuxiliaryLoss, Counter, Outputs, count_cells
from counting.networks.losses import CountLoss
from counting.networks.widening import OldWeights
from counting.stats.metrics import Floats, as_scored, mean_over_categories, rmse
from counting.training.run_folder import RunFolder
from counting.utils.progress import EpochProgress
from counting_datasets.errors import CountingError

Writer = Callable[[Path, dict[str, Any]], None]
"""A function that writes the counter's weights to a path, with a card that describes them."""

EVALUATION_BATCH = 128


@dataclass
class TrainingProgress:
    """The epochs of a run so far, as needed to resume it."""

    epoch: int = 0
    best: float = float("inf")
    best_epoch: int = 0
    history: list[dict[str, float | None]] = field(default_factory=list)

    def is_over(self, options: OptimizationConfig) -> bool:
        """Whether all epochs are done, or validation has not improved for ``patience`` epochs."""
        return self.epoch >= options.epochs or self.epoch - self.best_epoch >= options.patience

    def ending(self, options: OptimizationConfig) -> str:
        """Why the run ended, in one line."""
        best = f"the best is epoch {self.best_epoch}"
        if self.epoch >= options.epochs:
            return f"finished: all {options.epochs} epochs are done, {best}"
        stalled = f"validation has not improved for {options.patience} epochs"
        return f"stopped after epoch {self.epoch} of {options.epochs}: {stalled}, {best}"


class TrainedPart(nn.Module):
    """The trained part of a counter: the head, on cell features, or cells and head, on photos."""

    def __init__(self, counter: Counter, *, frozen: bool) -> None:
        super().__init__()
        self.cells = None if frozen else counter.cells
        self.head = counter.head

    def forward(self, inputs: Tensor) -> Outputs:
        """B×cells×width features, or B×3×H×W photos."""
        features, maps = (inputs, {}) if self.cells is None else self.cells.with_maps(inputs)
        return Outputs(features, self.head(features), maps)


def start_processes(device: torch.device) -> tuple[Accelerator, torch.device]:
    """The accelerator and the device of this process.

    A single process runs on ``device``; each of several processes of ``torchrun`` or ``accelerate launch`` gets
    its own device of that type.
    """
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    accelerator = Accelerator(cpu=device.type == "cpu" or not several, device_placement=False)
    return accelerator, accelerator.device if several else device


class Trainer:
    """Trains a counter: only its head if ``config.backbone`` is frozen, otherwise all of it.

    The auxiliary ``losses`` are added to ``criterion``; their targets are in the batches. ``workers`` additional
    processes decode and augment photos, which does not change the result. ``old`` weights are restored after
    every step.
    """

    def __init__(
        self,
        counter: Counter,
        criterion: CountLoss,
        losses: Sequence[AuxiliaryLoss],
        config: Config,
        accelerator: Accelerator,
        device: torch.device,
        workers: int = 0,
        old: OldWeights | None = None,
    ) -> None:
        self.counter, self.criterion, self.losses = counter.to(device), criterion, losses
        self.options, self.seed = config.optimization, config.seed
        self.accelerator, self.device, self.workers = accelerator, device, workers
        self.network: nn.Module = TrainedPart(counter, frozen=config.backbone.frozen)
        self.progress = TrainingProgress()
        self.old = old

    def fit(
        self, train: ViewDataset, val: ViewDataset | None, run: RunFolder, write: Writer, *, resume: bool
    ) -> TrainingProgress:
        """Train until the last epoch or until validation stops improving; without ``val`` the last epoch is best.

        After each epoch, ``write(path, card)`` stores the weights and ``run`` the state needed to resume, so that
        Ctrl-C or a crash loses at most one epoch.
        """
        self._prepare(train, val)
        if resume:
            self._restore(run)
        options, done = self.options, self.progress
        with EpochProgress(options.epochs, done.epoch, shown=self.accelerator.is_main_process) as progress:
            while not done.is_over(options):
                loss = self._epoch(train, done.epoch)
                done.epoch += 1
                score = self.validate(self.val) if self.val and self._is_due(done.epoch) else None
                done.history.append({"epoch": done.epoch, "loss": loss, "val_mRMSE": score})
                self._store(score, run, write)
                progress.advance(done.epoch, loss, score)
        self.accelerator.wait_for_everyone()
        return done

    def _prepare(self, train: ViewDataset, val: ViewDataset | None) -> None:
        options = self.options
        self.sampler = EpochSampler(len(train), self.seed, train.rates)
        groups = list(self._parameter_groups())
        optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay)
        self.network, self.optimizer, self.loader = self.accelerator.prepare(
            self.network, optimizer, self._loader(train, options.batch, self.sampler)
        )
        self.val = None if val is None else self.accelerator.prepare(self._loader(val, EVALUATION_BATCH))
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            [group["lr"] for group in groups],
            total_steps=max(2, options.epochs * len(self.loader)),
        )

    def _loader(self, views: ViewDataset, batch: int, sampler: EpochSampler | None = None) -> DataLoader[Batch]:
        on_cuda = self.device.type == "cuda"
        return DataLoader(views, batch, sampler=sampler, num_workers=self.workers, pin_memory=on_cuda)

    def _parameter_groups(self) -> Iterator[dict[str, Any]]:
        """All trainable parameters at the full learning rate, except the backbone's, which have their own rate."""
        rate = self.options.learning_rate
        of_backbone = set(self.counter.cells.backbone.parameters())
        trainable = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        yield {"params": [p for p in trainable if p not in of_backbone], "lr": rate}
        if backbone := [p for p in trainable if p in of_backbone]:
            yield {"params": backbone, "lr": rate * self.options.backbone_rate}

    def _is_due(self, epoch: int) -> bool:
        return epoch % self.options.validate_every == 0 or epoch == self.options.epochs

    def _epoch(self, train: ViewDataset, epoch: int) -> float:
        """Train on every photo once, in its view for this epoch; returns the mean loss."""
        seed = np.random.SeedSequence((self.seed, epoch, self.accelerator.process_index))
        torch.manual_seed(int(seed.generate_state(1)[0]))
        self.sampler.epoch = train.epoch = epoch
        self.network.train()
        hold_batch_norm(self.network)
        losses = [self.step(batch) for batch in self._on_device(self.loader)]
        mean = float(self.accelerator.reduce(torch.stack(losses).mean(), "mean"))
        if not math.isfinite(mean):
            raise CountingError(f"epoch {epoch + 1}: the loss is {mean}, try a smaller optimization.learning_rate")
        return mean

    def _on_device(self, loader: DataLoader[Batch]) -> Iterator[Batch]:
        try:
            for batch in loader:
                yield send_to_device(batch, self.device, non_blocking=True)
        except CountingError as error:  # the message of a worker process begins with its traceback
            message = str(error).strip().splitlines()[-1]
            raise CountingError(re.sub(r"^[\w.]+Error: ", "", message)) from None

    def step(self, batch: Batch) -> Tensor:
        """One step of gradient descent; returns the loss."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.bfloat16):
            outputs: Outputs = self.network(batch.inputs)
        outputs = convert_to_fp32(outputs)
        loss = self.counter.loss(outputs.head, batch.counts, self.criterion)
        for auxiliary in self.losses:
            targets = batch.targets[auxiliary.name]
            loss = loss + auxiliary.weight * auxiliary(self.counter, outputs, targets)
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.network.parameters(), self.options.gradient_norm)
        self.optimizer.step()
        if self.old:
            self.old.restore()
        self.schedule.step()
        return loss.detach()

    @torch.inference_mode()
    def validate(self, val: DataLoader[Batch]) -> float:
        """mRMSE on the validation split, in full precision; with ``rescale``, fits the counter's scale first."""
        self.network.eval()
        batches: list[tuple[Tensor, Tensor]] = []
        for batch in self._on_device(val):
            outputs: Outputs = self.network(batch.inputs)
            counts = count_cells(self.counter.raw_counts(outputs.head))
            batches.append(self.accelerator.gather_for_metrics((counts, batch.counts.sum(dim=1))))
        predicted, true = (torch.cat(part).double().cpu().numpy() for part in zip(*batches, strict=True))
        known = ~np.isnan(true)
        if self.options.rescale:
            self.counter.scale.fill_(least_squares_scale(predicted[known], true[known]))
        scaled = predicted * self.counter.scale.item()
        return float(mean_over_categories(rmse(as_scored(scaled), np.round(np.nan_to_num(true)), known)))

    def _store(self, score: float | None, run: RunFolder, write: Writer) -> None:
        """Write the weights and then the state, which defines the epoch that a resumed run continues from."""
        done = self.progress
        if self.val is None:
            improved, done.best_epoch = True, done.epoch
        elif improved := score is not None and score < done.best:
            done.best, done.best_epoch = score, done.epoch
        if not self.accelerator.is_main_process:
            return
        card = {"epoch": done.epoch, "val_mRMSE": score}
        if improved:
            write(run.best, card)
        write(run.last, card)
        run.log(done.history)
        run.save_state(
            {
                "network": self.accelerator.unwrap_model(self.network).state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "scale": self.counter.scale,
                "progress": vars(done),
            }
        )

    def _restore(self, run: RunFolder) -> None:
        """Load the state at the end of the last stored epoch."""
        state = run.load_state()
        self.accelerator.unwrap_model(self.network).load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.counter.scale.copy_(state["scale"])
        self.progress = TrainingProgress(**state["progress"])


def least_squares_scale(predicted: Floats, true: Floats) -> float:
    """The s that minimises Σ (s·p − c)²; 1 where every p is 0."""
    power = float((predicted**2).sum())
    return float((predicted * true).sum()) / power if power else 1.0


def hold_batch_norm(network: nn.Module) -> None:
    """Put batch normalization in evaluation mode: statistics of small batches are noisy."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
