"""The training loop: a head on cached features, or the whole counter on photos."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from counting_datasets.errors import CountingError
from counting_datasets.scene import SceneSet
from numpy.typing import NDArray
from rich.progress import BarColumn, Progress, TextColumn
from torch import Tensor, nn
from torch.utils.data import DataLoader

from counting.batches import EpochSampler, ViewDataset
from counting.checkpoint import save
from counting.config import Config
from counting.counters.base import Counter, count_cells
from counting.losses import CountLoss
from counting.metrics import as_scored, mean_over_categories, rmse
from counting.progress import console
from counting.runs import RunFolder

EVALUATION_BATCH = 128


@dataclass
class Progressed:
    """How far a run is: what ``--resume`` needs beside weights, optimizer and schedule."""

    epoch: int = 0
    best: float = float("inf")
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class Trainer:
    """Trains one counter. ``step`` and ``validate`` are what an epoch is made of."""

    def __init__(
        self, counter: Counter, config: Config, train: ViewDataset, val: ViewDataset, run: RunFolder, device: str
    ) -> None:
        self.config, self.run, self.train_data = config, run, train
        options = config.optimization
        on_gpu = device.startswith("cuda")
        self.accelerator = Accelerator(cpu=device == "cpu", mixed_precision="fp16" if on_gpu else "no")
        self.counter = counter.to(self.accelerator.device)
        network = counter.head if config.backbone.frozen else nn.Sequential(counter.cells, counter.head)
        self.sampler = EpochSampler(len(train), config.seed)
        loader = DataLoader(train, options.batch, sampler=self.sampler)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
        )
        self.network, self.optimizer, self.loader, self.val_loader = self.accelerator.prepare(
            network, optimizer, loader, DataLoader(val, EVALUATION_BATCH)
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, options.learning_rate, total_steps=max(2, options.epochs * len(self.loader))
        )
        self.criterion = CountLoss(config.loss.kind, config.loss.on, config.loss.beta)
        self.progressed = Progressed()

    def fit(self) -> Progressed:
        """Train to the end or until Count-val stops improving; Ctrl-C loses the running epoch at most."""
        options, done = self.config.optimization, self.progressed
        with self._bar() as (bar, task):
            bar.update(task, completed=done.epoch)
            while done.epoch < options.epochs and done.epoch - done.best_epoch < options.patience:
                loss = self._epoch(done.epoch)
                score = self.validate()
                done.epoch += 1
                done.history.append({"epoch": done.epoch, "loss": loss, "val_mRMSE": score})
                self._keep(score)
                bar.update(task, advance=1, description=f"loss {loss:.4f}  val mRMSE {score:.3f}")
        self.accelerator.wait_for_everyone()
        return done

    def _epoch(self, epoch: int) -> float:
        """Every photo once, in a view drawn for this epoch; returns the mean loss."""
        seed = np.random.SeedSequence((self.config.seed, epoch, self.accelerator.process_index))
        torch.manual_seed(int(seed.generate_state(1)[0]))
        self.sampler.epoch = self.train_data.epoch = epoch
        self.network.train()
        _hold_batch_norm(self.network)
        losses = [self.step(inputs, target) for inputs, target in self.loader]
        mean: Tensor = self.accelerator.reduce(torch.stack(losses).mean(), "mean")
        if not torch.isfinite(mean):
            raise CountingError(f"the loss is no number in epoch {epoch + 1}: try a smaller optimization.learning_rate")
        return float(mean)

    def step(self, inputs: Tensor, target: Tensor) -> Tensor:
        """One step of gradient descent; returns the loss."""
        loss = self.counter.loss(self.network(inputs), target, self.criterion)
        self.optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.network.parameters(), self.config.optimization.gradient_norm)
        self.optimizer.step()
        if not self.accelerator.optimizer_step_was_skipped:
            self.schedule.step()
        return loss.detach()

    @torch.inference_mode()
    def validate(self) -> float:
        """mRMSE on Count-val."""
        self.network.eval()
        predicted, true = [], []
        for inputs, target in self.val_loader:
            counts = count_cells(self.counter.raw_counts(self.network(inputs)))
            both = self.accelerator.gather_for_metrics((counts, target.sum(dim=1)))
            predicted.append(both[0].double().cpu().numpy())
            true.append(both[1].double().cpu().numpy())
        return mrmse(np.concatenate(predicted), np.concatenate(true))

    def resume(self) -> None:
        """Continue where the run's last whole epoch ended."""
        state = self.run.load_state()
        self.accelerator.unwrap_model(self.network).load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.progressed = Progressed(**state["progressed"])
        self.run.log(self.progressed.history)

    def _keep(self, score: float) -> None:
        """Write what the finished epoch left: the best weights, the log, and the state to resume from."""
        done = self.progressed
        improved = score < done.best
        if improved:
            done.best, done.best_epoch = score, done.epoch
        if not self.accelerator.is_main_process:
            return
        card = {"epoch": done.epoch, "val_mRMSE": score}
        if improved:
            save(self.counter, self.config, self.run.best, card)
        save(self.counter, self.config, self.run.last, card)
        self.run.log(done.history)
        self.run.save_state(self._state())

    def _state(self) -> dict[str, Any]:
        return {
            "network": self.accelerator.unwrap_model(self.network).state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "progressed": vars(self.progressed),
        }
