"""Train loc-sub on cached maps: the frozen part of its backbone runs once per photo.

python -m recipes.cached_maps everyday80 runs/everyday80-6 optimization.epochs=6
python -m recipes.cached_maps everyday80 runs/everyday80 start=runs/everyday80-6 optimization.learning_rate=0.0008

The maps at stride 8 of every photo and of a pool of views are stored in the run's folder, in half precision
(288 KB each for 480 pixels). A step uses windows of the maps instead of new views of the photos, and
takes a third of the time of one that starts from pixels. The learning rate falls to 0 over the configured epochs,
and the counter is the moving average of the weights. Ctrl-C stops the run; the same command resumes it.
"""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torchvision.ops import stochastic_depth

from counting.inputs.views import View
from counting.networks.checkpoint import build, save
from counting.networks.config import Config, read_config
from counting.networks.counters.base import Counter, count_cells
from counting.networks.locating import CentreMaps, centre_loss
from counting.networks.losses import CountLoss
from counting.stats.metrics import as_scored, mean_over_categories, rmse
from counting.training.data import TrainingData, load_data, without
from counting.training.mixture import sampling_rates
from counting.training.run import count_loss, prepare
from counting.training.run_folder import RunFolder
from counting.training.teacher import TeacherLoss
from counting.training.trainer import hold_batch_norm, least_squares_scale
from counting.utils.files import write_bytes
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet
from recipes.maps import FROZEN_BLOCKS, FROZEN_STAGES, CachedMaps, Seen, Stages, Window, stacked
from recipes.pool import Pool

WHOLE = 0.2
"""Share of the windows that show photos as they are; the others are of the pool."""

READY, GROWTH, LARGEST = 5000, 6, 38000
"""Number of the pool's views before the first step, by how many it grows per step, and its final number."""

CALM = 0.15
"""Share of the steps, at the end, without mosaics."""

SKIPPED = 0.2
"""Probability that the last residual block is skipped; that of the earlier ones grows with the depth."""

ROUND, VALIDATE = 200, 5
"""Number of steps in a round, after which the state is stored, and of rounds between validations."""

AVERAGE = 0.998
"""Decay of the moving average per step."""


@dataclass(frozen=True)
class Batch:
    """Windows of B photos' maps, and their targets.

    Attributes:
        maps: B×40×2n×2n.
        counts: B×cells×K fractional counts, NaN where unknown.
        centres: B×K×n×n targets of ``centre_loss``.
        taught: B×cells×K fractional counts by the teacher, if there is one.
    """

    maps: Tensor
    counts: Tensor
    centres: Tensor
    taught: Tensor | None


class CachedTraining:
    """A training run on cached maps.

    Attributes:
        sides: possible sides of a batch's windows, as shares of the map's side.
        warm_up: steps until the full learning rate is reached.
    """

    sides: ClassVar[tuple[float, ...]] = (4 / 7, 5 / 7, 6 / 7, 1.0)
    warm_up: ClassVar[int] = 300

    def __init__(self, config: Config, data: TrainingData, folder: Path) -> None:
        if config.backbone.frozen_stages != FROZEN_STAGES or config.cells.side % 32:
            raise CountingError("cached maps require backbone.frozen_stages: 3 and a cells.side divisible by 32")
        self.config, self.data, self.folder = config, data, folder
        torch.manual_seed(config.seed)
        counters = [build(config, data.train.categories) for _ in range(2)]
        for counter in counters:
            prepare(config, counter, RunFolder(folder))
            _freeze_first_expansion(counter)
        self.stages, self.average = (Stages(counter) for counter in counters)
        self.average.load_state_dict(self.stages.state_dict())
        _skip_blocks(self.stages)
        self.criterion: CountLoss = count_loss(config, counters[0], data)
        teacher = config.teacher
        self.teacher = teacher and TeacherLoss(teacher.weight, self.criterion, counters[0].grid, teacher.distill)
        self.optimizer = torch.optim.AdamW(list(self._groups()), weight_decay=config.optimization.weight_decay)
        self.step, self.best = 0, float("inf")
        self.scenes = [scene for scene in data.train if scene.path.is_file()]
        weights = np.array([data.weights.get(scene.id, 1.0) for scene in self.scenes])
        rates = sampling_rates(self.scenes, weights, config.data.rare)
        self.pool = Pool(self.scenes, rates / rates.sum(), config.cells.side, config.seed)
        self.maps = CachedMaps(self.average.eval(), self.pool, folder / "maps")
        self.steps = math.ceil(config.optimization.epochs * len(self.scenes) / config.optimization.batch)
        """Number of steps until the learning rate is 0."""

    def _groups(self) -> Iterator[dict[str, Any]]:
        options = self.config.optimization
        of_backbone = set(self.stages.counter.cells.backbone.parameters())
        trained = [weight for weight in self.stages.parameters() if weight.requires_grad]
        for share, part in ((1.0, False), (options.backbone_rate, True)):
            weights = [weight for weight in trained if (weight in of_backbone) == part]
            yield {"params": weights, "lr": options.learning_rate * share, "share": share}

    def run(self, rounds: int | None = None) -> None:
        """Train to the end, or for ``rounds`` rounds."""
        (self.folder / "maps").mkdir(parents=True, exist_ok=True)
        self._restore()
        last = self.steps if rounds is None else self.step + rounds * ROUND
        while self.step < last:
            losses = self._round()
            row: dict[str, Any] = {"step": self.step, "loss": losses}
            self._store()
            ends = self.step >= self.steps or self.step % (ROUND * VALIDATE) == 0
            if self.data.val is not None and ends:
                row["val_mRMSE"] = self.validate()
                self._store()
            with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)

    def ready(self, step: int) -> int:
        """The number of the pool's views that may be drawn at a step."""
        return min(READY + GROWTH * step, LARGEST)

    def _round(self) -> list[float]:
        """``ROUND`` steps; the mean count loss, centre loss and teacher's loss."""
        self.stages.train()
        hold_batch_norm(self.stages)
        random = np.random.default_rng((self.config.seed, self.step))
        torch.manual_seed(self.step)
        losses = []
        with ThreadPoolExecutor(1) as reader:  # a single thread, which reads a batch ahead, so the order is fixed
            reading = reader.submit(self._read, random, self.step)
            for left in reversed(range(ROUND)):
                batch = reading.result()
                if left:
                    reading = reader.submit(self._read, random, self.step + 1)
                losses.append(self._step(batch))
        return [round(value, 4) for value in np.mean(losses, axis=0).tolist()]

    def _read(self, random: np.random.Generator, step: int) -> Batch:
        """A random batch of windows, all of one size."""
        places = self.stages.counter.cells.side // 16
        side = 2 * round(random.choice(self.sides) * places / 2)
        seen = []
        for _ in range(self.config.optimization.batch):
            left, top = (2 * random.integers(0, (places - side) // 2 + 1, 2)).tolist()
            seen.append(self._draw(random, step).within(Window(left, top, side), places))
        return Batch(stacked([one.map for one in seen]), *self._targets(seen, side))

    def _draw(self, random: np.random.Generator, step: int) -> Seen:
        """A photo as it is, or a view of the pool; towards the end no mosaic."""
        if random.random() < WHOLE:
            return self.maps.photo(self.scenes[random.choice(len(self.scenes), p=self.pool.shares)])
        number = int(random.integers(self.ready(step)))
        if step > (1 - CALM) * self.steps and self.pool.is_mosaic(number):
            number -= 1
        return self.maps.view(number)

    def _targets(self, seen: Sequence[Seen], side: int) -> tuple[Tensor, Tensor, Tensor | None]:
        counter, teacher = self.stages.counter, self.teacher
        counts = torch.stack([_counts(counter, one.scene, one.view, self.data) for one in seen])
        maps = CentreMaps(self.data.protocol, side)
        centres = torch.stack([torch.from_numpy(maps(one.scene, one.view)) for one in seen])
        taught = torch.stack([teacher.target(one.scene, one.view) for one in seen]) if teacher else None
        return counts, centres, taught

    def _step(self, batch: Batch) -> list[float]:
        options = self.config.optimization
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            output, logits = self.stages(batch.maps)
        losses = self._losses(output.float(), logits.float(), batch)
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * group["share"] * self._rate()
        self.optimizer.zero_grad()
        torch.autograd.backward(torch.stack(losses).sum())
        nn.utils.clip_grad_norm_(self.stages.parameters(), options.gradient_norm)
        self.optimizer.step()
        self.step += 1
        self._follow(min(AVERAGE, (1 + self.step) / (10 + self.step)))
        return [loss.item() for loss in losses]

    def _rate(self) -> float:
        """The share of the learning rate: rising for ``warm_up`` steps, and falling to 0 as a cosine."""
        falling = 0.5 + 0.5 * math.cos(math.pi * min(1, self.step / self.steps))
        return falling * min(1, (self.step + 1) / self.warm_up)

    def _losses(self, output: Tensor, logits: Tensor, batch: Batch) -> list[Tensor]:
        counter = self.stages.counter
        losses = [
            counter.loss(output, batch.counts, self.criterion),
            self.config.loss.centres * centre_loss(logits, batch.centres),
        ]
        if self.teacher and batch.taught is not None:
            losses.append(self.teacher.weight * counter.loss(output, batch.taught, self.criterion))
        return losses

    @torch.no_grad()
    def _follow(self, kept: float) -> None:
        """Update the moving average of the weights."""
        pairs = zip(self.average.parameters(), self.stages.parameters(), strict=True)
        for average, weight in pairs:
            if weight.requires_grad:
                average.lerp_(weight, 1 - kept)

    def validate(self) -> dict[str, float]:
        """The mRMSE of the averaged counter on the validation photos, of all and by data set.

        The best counter on all of them is written, with its scale.
        """
        found = self.validation()
        scores = found.scores()
        self.average.counter.scale.fill_(found.scale)
        if scores["all"] < self.best:
            self.best = scores["all"]
            self._write("best", {"epoch": self.step, "val_mRMSE": self.best})
        return scores

    @torch.inference_mode()
    def validation(self) -> "Validation":
        """The averaged counter's counts on the validation photos."""
        assert self.data.val is not None
        missing = {scene.id: str(scene.path) for scene in self.data.val if not scene.path.is_file()}
        scenes = replace(self.data.val, scenes=tuple(without(self.data.val, missing)))
        counts = []
        for start in range(0, len(scenes), 16):
            maps = stacked([self.maps.photo(scene).map for scene in scenes[start : start + 16]])
            with torch.autocast("cpu", torch.bfloat16, enabled=self.config.optimization.bfloat16):
                output, _ = self.average(maps)
            counts.append(count_cells(output.float()))
        return Validation(torch.cat(counts).double().numpy(), scenes, self.data.protocol)

    def _write(self, name: str, card: dict[str, Any]) -> None:
        data = f"{self.data.train.data}/{self.data.train.split}"
        path = self.folder / "weights" / f"{name}.safetensors"
        save(self.average.counter, self.config, path, {"data": data, **card})

    def _store(self) -> None:
        state = {
            "stages": self.stages.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best": self.best,
        }
        torch.save(state, self.folder / "state.part")
        (self.folder / "state.part").replace(self.folder / "state.pt")
        self._write("last", {"epoch": self.step, "val_mRMSE": None})

    def _restore(self) -> None:
        path = self.folder / "state.pt"
        if not path.exists():
            write_bytes(self.folder / "config.yaml", self.config.to_yaml().encode())
            return
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.stages.load_state_dict(state["stages"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best = state["step"], state["best"]


def _skip_blocks(stages: Stages) -> None:
    """Skip random residual blocks in training (Huang et al., Deep Networks with Stochastic Depth, 2016)."""
    blocks = [block for stage in stages.model.blocks for block in stage]
    for depth, block in enumerate(blocks, 1):
        if block.skips:
            probability = SKIPPED * depth / len(blocks)
            block.register_forward_hook(partial(_skip, probability))


def _skip(probability: float, block: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    """Some photos' outputs of a residual block are its inputs; the other residuals are larger by as much."""
    kept: Tensor = stochastic_depth(output - inputs[0], probability, "row", block.training)
    return inputs[0] + kept


def _freeze_first_expansion(counter: Counter) -> None:
    """Freeze the first trained block up to its strided convolution, whose gradient takes a fifth of a step."""
    backbone: Any = counter.cells.backbone
    first = backbone.features.model.blocks[FROZEN_BLOCKS][0]
    for part in (first.conv_pw, first.bn1, first.conv_dw, first.bn2):
        part.requires_grad_(False)


@dataclass(frozen=True, eq=False)
class Validation:
    """Counts of validation photos.

    Attributes:
        counts: N×K, before scaling.
        scenes: the N photos.
        protocol: which objects count.
    """

    counts: NDArray[np.float64]
    scenes: SceneSet
    protocol: Protocol

    @cached_property
    def true(self) -> NDArray[np.float64]:
        """N×K true counts."""
        return np.asarray(self.scenes.counts(self.protocol), dtype=np.float64)

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """N×K flags of the annotated counts."""
        return np.stack([scene.known_counts(self.protocol) for scene in self.scenes])

    @cached_property
    def sets(self) -> dict[str, NDArray[np.bool_]]:
        """The photos of each data set, by the name of its folder."""
        folders = np.array([scene.path.parent.parent.name for scene in self.scenes])
        return {name: folders == name for name in np.unique(folders).tolist()}

    @cached_property
    def scale(self) -> float:
        """The factor for all counts with the smallest mean over the data sets of their mRMSE.

        A least squares fit to all photos would follow the data set with the most objects alone.
        """

        def error(scale: float) -> float:
            return float(np.mean([self._score(rows, scale) for rows in self.sets.values()]))

        usual = least_squares_scale(self.counts[self.known], self.true[self.known])
        found = minimize_scalar(error, bounds=(usual / 2, usual * 2), method="bounded", options={"xatol": 1e-4})
        return float(found.x)

    def scores(self) -> dict[str, float]:
        """The mRMSE of the scaled counts, of all photos and by data set."""
        sets = {"all": np.ones(len(self.counts), dtype=bool), **self.sets}
        return {name: self._score(rows, self.scale) for name, rows in sets.items()}

    def _score(self, rows: NDArray[np.bool_], scale: float) -> float:
        """The mRMSE over the categories that are annotated in some of the photos."""
        known = self.known[rows]
        seen = known.any(axis=0)
        predicted = as_scored(scale * self.counts[rows][:, seen])
        return float(mean_over_categories(rmse(predicted, self.true[rows][:, seen], known[:, seen])))


def _counts(counter: Counter, scene: Scene, view: View, data: TrainingData) -> Tensor:
    """Cells×K fractional counts of a view, NaN where unknown."""
    counts = view.fractional_counts(scene, scene.counted(data.protocol), counter.grid)
    counts[:, ~scene.certain_counts()] = np.nan
    return torch.from_numpy(counts).float()


if __name__ == "__main__":
    name, where, *overrides = sys.argv[1:]
    configuration = read_config(name, overrides)
    CachedTraining(configuration, load_data(configuration), Path(where)).run()
