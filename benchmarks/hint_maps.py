"""Do counts depend more on their objects after HINT? Grad-CAM and erasing with the counters that hint.py trained.

For each setting it prints how often the fused map points inside, and how much of a count remains without its
objects and without everything else: means over seeds, with the 95 % interval over photos of the difference from no
HINT.

    python benchmarks/hint_maps.py RUNS [--photos N] [--split test]

RUNS is the folder of hint.py's runs. Objects are erased in every third photo.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from explanations import SharedBackbone
from hint import with_intervals
from numpy.typing import NDArray

from counting.explain.map_evaluation import MapEvaluator
from counting.explain.map_scores import Erasure, MapScores
from counting.networks.backbones import fingerprint
from counting.networks.zoo import find_counter
from counting.stats.bootstrap import paired
from counting.utils.progress import track
from counting_datasets.catalog import load

ERASED_EVERY = 3


class Seed:
    """A counter with the scores of its maps and its counts after erasing, photo by photo."""

    def __init__(self, run: Path, backbones: dict[str, SharedBackbone]) -> None:
        counter = find_counter(str(run), "cpu").counter
        shared = SharedBackbone(counter.cells.backbone)
        counter.cells.backbone = backbones.setdefault(fingerprint(shared), shared)
        self.evaluator = MapEvaluator(counter, erased_every=ERASED_EVERY)
        self._photo_of_map: list[int] = []
        self._photo_of_erasure: list[int] = []

    @property
    def fused(self) -> MapScores:
        return self.evaluator.scores().maps["fused"]

    @property
    def erasure(self) -> Erasure:
        return self.evaluator.scores().erasure

    def note(self, photo: int) -> None:
        """Attribute everything added since the last call to ``photo``."""
        self._photo_of_map += [photo] * (len(self.fused.pointing) - len(self._photo_of_map))
        self._photo_of_erasure += [photo] * (len(self.erasure.whole) - len(self._photo_of_erasure))

    def terms(self, photos: int) -> NDArray[np.float64]:
        """N×5 sums over each photo's maps and erasures; ``figures`` divides them."""
        maps, erased = self._photo_of_map, self._photo_of_erasure
        columns = (
            (maps, self.fused.pointing),
            (maps, None),
            (erased, self.erasure.without_objects),
            (erased, self.erasure.without_background),
            (erased, self.erasure.whole),
        )
        return np.stack([np.bincount(at, values, minlength=photos) for at, values in columns], axis=1)


def figures(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """R×5S sums → R×3, means over S seeds: points inside, left without objects, left without everything else."""
    inside, maps, *left, whole = np.moveaxis(sums.reshape(len(sums), -1, 5), 2, 0)
    return np.stack([inside / maps, *(each / whole for each in left)], axis=2).mean(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--photos", type=int, default=600, help="use only the first N photos (default: 600)")
    parser.add_argument("--split", default="test")
    arguments = parser.parse_args()
    backbones: dict[str, SharedBackbone] = {}
    settings: dict[str, list[Seed]] = defaultdict(list)
    for run in sorted(arguments.runs.glob("* seed *")):
        settings[run.name.rpartition(" seed ")[0]].append(Seed(run, backbones))
    scenes = [scene for scene in load("voc2007", arguments.split) if scene.path.is_file()][: arguments.photos]
    for number, scene in enumerate(track(scenes, "explaining")):
        for seed in (seed for seeds in settings.values() for seed in seeds):
            seed.evaluator.add(scene)
            seed.note(number)
        for shared in backbones.values():
            shared.seen.clear()
    report(settings, len(scenes))


def report(settings: dict[str, list[Seed]], photos: int) -> None:
    """Print a row per setting, no HINT first."""
    terms = {name: np.hstack([seed.terms(photos) for seed in seeds]) for name, seeds in settings.items()}
    without = terms["no HINT"]
    for name, mine in sorted(terms.items(), key=lambda setting: setting[0] != "no HINT"):
        values = figures(mine.sum(axis=0, keepdims=True))[0]
        print(f"{name:18}{with_intervals(values, paired((mine, without), figures))}", flush=True)


if __name__ == "__main__":
    main()
