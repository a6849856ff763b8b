"""The training loop: a head on cached features, or the whole counter on photos."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.utils.data import DataLoader

from counting.inputs.batches import EpochSampler, ViewDataset
from counting.models.config import OptimizationConfig
from counting.models.counters.base import Counter, count_cells
from counting.models.locating import LocatedCells, centre_loss
from counting.models.losses import CountLoss
from counting.stats.metrics import Floats, as_scored, mean_over_categories, rmse
from counting.training.hint.loss import Grounding
from counting.training.run_folder import RunFolder
from counting.utils.progress import EpochProgress
from counting_datasets.errors import CountingError

Writer = Callable[[Path, dict[str, Any]], None]
"""Writes the counter's weights to a path, with a card of what they are."""

EVALUATION_BATCH = 128


@dataclass
class Progressed:
    """How far a run is: what ``--resume`` needs beside weights, optimizer and schedule."""

    epoch: int = 0
    best: float = float("inf")
    best_epoch: int = 0
    history: list[dict[str, float | None]] = field(default_factory=list)


class LearningPart(nn.Module):
    """What of a counter learns: its head, from cell features, or cells and head, from photos."""

    def __init__(self, counter: Counter, *, frozen: bool) -> None:
        super().__init__()
        self.cells = None if frozen else counter.cells
        self.head = counter.head

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """B×cells×width features, or B×3×H×W photos → the features, the head's output, the logits of centres."""
        centres = None
        if self.cells is None:
            features = inputs
        elif isinstance(self.cells, LocatedCells):
            features, centres = self.cells.with_centres(inputs)
        else:
            features = self.cells(inputs)
        return features, self.head(features), centres


class Trainer:
    """Trains a counter: its head where its backbone is ``frozen``, which then takes cell features, or all of it.

    With ``grounding`` the batches of ``train`` carry the cells' importance to people too; with ``centres``, the
    weight of their loss, where the objects' centres are.
    """

    def __init__(
        self,
        counter: Counter,
        criterion: CountLoss,
        options: OptimizationConfig,
        *,
        seed: int,
        device: str,
        frozen: bool,
        grounding: Grounding | None = None,
        centres: float = 0,
    ) -> None:
        self.criterion, self.grounding, self.centres = criterion, grounding, centres
        self.options, self.seed = options, seed
        precision = "bf16" if options.bfloat16 else "fp16" if device.startswith("cuda") else "no"
        AcceleratorState._reset_state()  # else a process keeps the precision of its first training
        self.accelerator = Accelerator(cpu=device == "cpu", mixed_precision=precision)
        self.counter = counter.to(self.accelerator.device)
        self.network: nn.Module = LearningPart(self.counter, frozen=frozen)
        self.progressed = Progressed()

    def fit(
        self, train: ViewDataset, val: ViewDataset | None, run: RunFolder, write: Writer, *, resume: bool
    ) -> Progressed:
        """Train until the epochs are over or Count-val stops improving; without it the last epoch is the best.

        After each epoch ``write(path, card)`` keeps the weights and ``run`` what it takes to resume, so Ctrl-C or
        a crash loses the running epoch at most.
        """
        self._prepare(train, val)
        if resume:
            self._restore(run)
        options, done = self.options, self.progressed
        with EpochProgress(options.epochs, done.epoch, shown=self.accelerator.is_main_process) as progress:
            while done.epoch < options.epochs and done.epoch - done.best_epoch < options.patience:
                loss = self._epoch(train, done.epoch)
                done.epoch += 1
                score = self.validate(self.val) if self.val and self._is_due(done.epoch) else None
                done.history.append({"epoch": done.epoch, "loss": loss, "val_mRMSE": score})
                self._keep(score, run, write)
                progress.advance(done.epoch, loss, score)
        self.accelerator.wait_for_everyone()
        return done

    def _prepare(self, train: ViewDataset, val: ViewDataset | None) -> None:
        options = self.options
        self.sampler = EpochSampler(len(train), self.seed)
        groups = list(self._parameter_groups())
        optimizer = torch.optim.AdamW(groups, weight_decay=options.weight_decay)
        self.network, self.optimizer, self.loader = self.accelerator.prepare(
            self.network, optimizer, DataLoader(train, options.batch, sampler=self.sampler)
        )
        self.val = None if val is None else self.accelerator.prepare(DataLoader(val, EVALUATION_BATCH))
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            [group["lr"] for group in groups],
            total_steps=max(2, options.epochs * len(self.loader)),
        )

    def _parameter_groups(self) -> Iterator[dict[str, Any]]:
        """The head at the full rate and, where the network has one that learns, the backbone at its share."""
        rate = self.options.learning_rate
        of_backbone = set(self.counter.cells.backbone.parameters())
        learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        yield {"params": [p for p in learning if p not in of_backbone], "lr": rate}
        if backbone := [p for p in learning if p in of_backbone]:
            yield {"params": backbone, "lr": rate * self.options.backbone_rate}

    def _is_due(self, epoch: int) -> bool:
        return epoch % self.options.validate_every == 0 or epoch == self.options.epochs

    def _epoch(self, train: ViewDataset, epoch: int) -> float:
        """Every photo once, in a view drawn for this epoch; returns the mean loss."""
        seed = np.random.SeedSequence((self.seed, epoch, self.accelerator.process_index))
        torch.manual_seed(int(seed.generate_state(1)[0]))
        self.sampler.epoch = train.epoch = epoch
        self.network.train()
        hold_batch_norm(self.network)
        losses = [self.step(*batch) for batch in self.loader]
        mean = float(self.accelerator.reduce(torch.stack(losses).mean(), "mean"))
        if not math.isfinite(mean):
            raise CountingError(f"epoch {epoch + 1}: the loss is {mean}, try a smaller optimization.learning_rate")
        return mean

    def step(self, inputs: Tensor, target: Tensor, hint: Tensor | None = None) -> Tensor:
        """One step of gradient descent; returns the loss. ``hint`` is the importance to people, or the centres."""
        features, output, centres = self.network(inputs)
        loss = self.counter.loss(output, target, self.criterion)
        if self.grounding is not None and hint is not None:
            loss = loss + self.grounding(self.counter, features, hint)
        if self.centres and hint is not None and centres is not None:
            loss = loss + self.centres * centre_loss(centres, hint)
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.network.parameters(), self.options.gradient_norm)
        self.optimizer.step()
        if not self.accelerator.optimizer_step_was_skipped:
            self.schedule.step()
        return loss.detach()

    @torch.inference_mode()
    def validate(self, val: DataLoader[tuple[Tensor, ...]]) -> float:
        """mRMSE on Count-val, to which the counter's scale is fitted first where that is asked for."""
        self.network.eval()
        batches: list[tuple[Tensor, Tensor]] = []
        for inputs, target in val:
            _, output, _ = self.network(inputs)
            counts = count_cells(self.counter.raw_counts(output))
            batches.append(self.accelerator.gather_for_metrics((counts, target.sum(dim=1))))
        predicted, true = (torch.cat(part).double().cpu().numpy() for part in zip(*batches, strict=True))
        if self.options.rescale:
            self.counter.scale.fill_(least_squares_scale(predicted, true))
        scaled = predicted * self.counter.scale.item()
        return float(mean_over_categories(rmse(as_scored(scaled), np.round(true))))

    def _keep(self, score: float | None, run: RunFolder, write: Writer) -> None:
        done = self.progressed
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
                "progressed": vars(done),
            }
        )

    def _restore(self, run: RunFolder) -> None:
        """Continue where the last whole epoch ended."""
        state = run.load_state()
        self.accelerator.unwrap_model(self.network).load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.counter.scale.copy_(state["scale"])
        self.progressed = Progressed(**state["progressed"])


def least_squares_scale(predicted: Floats, true: Floats) -> float:
    """The s that minimises Σ (s·p − c)²; 1 where every p is 0."""
    power = float((predicted**2).sum())
    return float((predicted * true).sum()) / power if power else 1.0


def hold_batch_norm(network: nn.Module) -> None:
    """Keep a pretrained backbone's batch statistics: those of small batches are noise."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
