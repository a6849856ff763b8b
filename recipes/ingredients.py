"""What each ingredient of everyday80's training is worth: short runs on cached maps that each leave one out.

python -m recipes.ingredients everyday80 runs/everyday80 runs/ingredients start=voc2007-loc-sub-final

The maps are read from the first folder, where ``recipes.fill_pool`` stores them. The counts of each run on the
validation photos are stored in the second folder; the same command continues with the runs that are missing. Give
another folder for other settings or another number of steps. Each run is compared with the one that has every
ingredient, photo by photo.
"""

import argparse
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from counting.evaluation.intervals import metric_differences
from counting.inputs.views import View
from counting.networks.config import Config, read_config
from counting.training.data import TrainingData, load_data
from counting_datasets.scene import Scene
from recipes.cached_maps import WHOLE, CachedTraining, Validation
from recipes.maps import MIDDLE_BLOCKS, Seen

STEPS = 600
"""Default number of steps of a run."""


@dataclass(frozen=True)
class LeftOut:
    """What a run leaves out.

    Attributes:
        name: its name in the table.
        folders: the photos in these folders.
        teacher: the detector's boxes.
        views, mosaics: the random views of single photos, and the mosaics.
        centres: the loss of object centres.
        middle: training of the backbone's blocks from stride 8 to stride 16.
    """

    name: str
    folders: tuple[str, ...] = ()
    teacher: bool = False
    views: bool = False
    mosaics: bool = False
    centres: bool = False
    middle: bool = False


EVERYTHING = LeftOut("nothing")
RUNS = (
    EVERYTHING,
    LeftOut("the teacher", teacher=True),
    LeftOut("COCO", folders=("coco",)),
    LeftOut("VOC 2012", folders=("VOC2012",)),
    LeftOut("views and mosaics", views=True, mosaics=True),
    LeftOut("training of strides 8 to 16", middle=True),
    LeftOut("mosaics", mosaics=True),
    LeftOut("the loss of centres", centres=True),
)


class ShortTraining(CachedTraining):
    """A short training run on the maps of another run, without some of its ingredients."""

    sides: ClassVar[tuple[float, ...]] = CachedTraining.sides[:2]
    warm_up: ClassVar[int] = 100

    def __init__(self, config: Config, data: TrainingData, folder: Path, left: LeftOut, steps: int) -> None:
        super().__init__(config, data, folder)
        self.left, self.steps = left, steps
        self.teacher = None if left.teacher else self.teacher
        if left.middle:
            self.stages.model.blocks[:MIDDLE_BLOCKS].requires_grad_(False)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """The probability of each photo."""
        kept = np.array([self._is_kept(scene) for scene in self.scenes])
        return np.asarray(self.pool.shares * kept / (self.pool.shares @ kept))

    @cached_property
    def numbers(self) -> list[int]:
        """The numbers of the views that may be drawn."""
        wanted = {False: not self.left.views, True: not self.left.mosaics}
        return [
            number
            for number in range(self.ready(0))
            if wanted[self.pool.is_mosaic(number)] and all(map(self._is_kept, self.pool.photos(number)))
        ]

    def _is_kept(self, scene: Scene) -> bool:
        return not set(self.left.folders) & set(scene.path.parts)

    def _draw(self, random: np.random.Generator, step: int) -> Seen:
        if not self.numbers or random.random() < WHOLE:
            seen = self.maps.photo(self.scenes[random.choice(len(self.scenes), p=self.shares)])
        else:
            seen = self.maps.view(int(random.choice(self.numbers)))
        return as_annotated(seen) if self.left.teacher else seen

    def train(self) -> None:
        """Train for all steps."""
        while self.step < self.steps:
            losses = self._round()
            print(f"without {self.left.name}, step {self.step}: losses {losses}", file=sys.stderr)


def as_annotated(seen: Seen) -> Seen:
    """The same view without a detector's boxes."""
    if seen.scene.suspected is None:
        return seen
    rows = seen.scene.suspected[seen.view.kept] == 1
    view = View(seen.view.boxes[rows], seen.view.kept[rows], seen.view.number)
    return Seen(seen.scene.replaced(suspected=None), view, seen.map)


def validated(asked: argparse.Namespace, config: Config, data: TrainingData, left: LeftOut) -> Validation:
    """The counts of one short run on the validation photos; if they are not stored yet, the run is made."""
    path = asked.folder / f"{left.name.replace(' ', '-')}.npy"
    if path.is_file():
        assert data.val is not None
        return Validation(np.load(path), data.val, data.protocol)
    loss = config.loss.model_copy(update={"centres": 0.0} if left.centres else {})
    training = ShortTraining(config.model_copy(update={"loss": loss}), data, asked.run, left, asked.steps)
    training.train()
    found = training.validation()
    part = path.with_suffix(".part.npy")
    np.save(part, found.counts)
    part.replace(path)
    return found


def row(name: str, found: Validation, full: Validation) -> str:
    """A row of the table: each data set's mRMSE, and its difference from the full run's, with the interval."""
    cells = [name]
    for data_set, rows in found.sets.items():
        seen = found.known[rows].any(axis=0)
        a, b = (one.scale * one.counts[rows][:, seen] for one in (found, full))
        known = found.known[rows][:, seen]
        gained = metric_differences(a, b, found.true[rows][:, seen], known=known)["mRMSE"]
        interval = f"{gained.interval.low:+.3f} to {gained.interval.high:+.3f}"
        cells += [f"{found.scores()[data_set]:.3f}", f"{gained.difference:+.3f} ({interval})"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Make all runs, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("run", type=Path, help="folder of the run whose maps are used")
    parser.add_argument("folder", type=Path, help="where to store the counts")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--steps", type=int, default=STEPS, help="number of steps of each run (%(default)s)")
    asked = parser.parse_intermixed_args()
    config = read_config(asked.config, asked.overrides)
    data = load_data(config)
    asked.folder.mkdir(parents=True, exist_ok=True)
    full = validated(asked, config, data, EVERYTHING)
    print("| left out |", " | ".join(f"{data_set}: mRMSE | difference" for data_set in full.sets), "|")
    for left in RUNS:
        print(row(left.name, validated(asked, config, data, left), full), flush=True)


if __name__ == "__main__":
    main()
