"""Does HINT help, and why? Train counters without it, with human cues and with two control cues, and test them.

Each setting is trained with every seed. For the test split it prints mRMSE, the rank correlation of the cells'
importance with the boxes, and how often the most important cell contains part of an object: means over seeds, with
the 95 % interval over photos of the difference from no HINT.

    python benchmarks/hint.py [CONFIG] [--root DIR] [--weight λ] [--shares 0.06 1] [--seeds 0 1 2] [key=value …]

--root names a folder in VOC's layout, such as one made by changed_priors_split.py; the default is VOC 2007. Runs
are kept under --runs and not trained again.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counting.inputs.batches import ViewDataset
from counting.networks.checkpoint import load
from counting.networks.config import Config, read_config
from counting.networks.config_sections import HintConfig
from counting.networks.feature_cache import FeatureCache
from counting.networks.inference import count_scenes
from counting.stats.bootstrap import PairedDifference, paired
from counting.stats.metrics import as_scored
from counting.training.data import load_split
from counting.training.hint.human_importance import HumanImportance
from counting.training.hint.loss import HintLoss
from counting.training.hint.scores import GroundingScores, grounding_scores
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

CUES = ("human", "random", "irrelevant")


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of one setting: S×N×K squared errors, and the grounding of each seed."""

    squared: NDArray[np.float64]
    grounding: tuple[GroundingScores, ...]

    def terms(self) -> NDArray[np.float64]:
        """N×S(K + 3): each seed's squared errors and sums over a photo's pairs, which ``figures`` divides."""
        photos = self.squared.shape[1]
        columns = []
        for squared, scores in zip(self.squared, self.grounding, strict=True):
            of_pairs = (scores.correlation, scores.pointing, None)
            sums = [np.bincount(scores.photo, values, minlength=photos) for values in of_pairs]
            columns += [squared, np.stack(sums, axis=1)]
        return np.hstack(columns)


def figures(sums: NDArray[np.float64], seeds: int, photos: int) -> NDArray[np.float64]:
    """R×S(K + 3) sums of ``Outcome.terms`` → R×3: mRMSE, rank correlation, pointing, as means over seeds."""
    by_seed = sums.reshape(len(sums), seeds, -1)
    mrmse = np.sqrt(by_seed[..., :-3] / photos).mean(axis=2)
    correlation, pointing = (by_seed[..., column] / by_seed[..., -1] for column in (-3, -2))
    return np.stack([mrmse, correlation, pointing], axis=2).mean(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", default="voc2007/seq_sub")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--root", type=Path)
    parser.add_argument("--weight", type=float, default=0.3)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.06, 1.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--split", default="test")
    parser.add_argument("--runs", type=Path, default=Path("runs/hint"))
    arguments = parser.parse_intermixed_args()
    config = read_config(arguments.config, arguments.overrides)
    if arguments.root:
        config = config.model_copy(
            update={"data": config.data.model_copy(update={"name": "voc", "root": arguments.root})}
        )
    settings: dict[str, HintConfig | None] = {"no HINT": None}
    for share in arguments.shares:
        for cue in CUES:
            settings[f"{cue}, {share:.0%}"] = HintConfig(weight=arguments.weight, share=share, cue=cue)
    outcomes: dict[str, Outcome] = {}
    for name, hint in settings.items():
        runs = [
            (config.model_copy(update={"hint": hint, "seed": seed}), arguments.runs / f"{name} seed {seed}")
            for seed in arguments.seeds
        ]
        outcomes[name] = outcome_of(runs, arguments.split)
        print_row(name, outcomes[name], outcomes["no HINT"])


def outcome_of(runs: list[tuple[Config, Path]], split: str) -> Outcome:
    scored = [score(config, train(config, folder), split) for config, folder in runs]
    return Outcome(np.stack([squared for squared, _ in scored]), tuple(grounding for _, grounding in scored))


def train(config: Config, folder: Path) -> RunFolder:
    run = RunFolder(folder)
    metrics = run.metrics
    done = metrics.is_file() and len(metrics.read_text().splitlines()) == config.optimization.epochs
    if not done:
        train_counter(config, run, resume=run.state.is_file(), device="cpu")
    return run


def score(config: Config, run: RunFolder, split: str) -> tuple[NDArray[np.float64], GroundingScores]:
    checkpoint = load(run.best)
    scenes = load_split(config.data, split)
    protocol = Protocol.parse(config.data.protocol, scenes.family)
    table, lost = count_scenes(checkpoint, scenes)
    kept = SceneSet(
        scenes.data, split, scenes.family, scenes.categories, tuple(s for s in scenes if s.id not in lost)
    )
    squared = (as_scored(table.counts) - kept.counts(protocol)) ** 2
    cells = checkpoint.counter.cells
    human = HumanImportance(HintConfig(share=1.0), cells.grid, replace(protocol, non_difficult=True), seed=0)
    targets = {"hint": HintLoss(1.0, human).target}
    photos = ViewDataset(kept.scenes, FeatureCache(cells).read, checkpoint.counter.grid, protocol, targets=targets)
    views = (photos[row] for row in range(len(photos)))
    return squared, grounding_scores(checkpoint.counter, ((view.inputs, view.targets["hint"]) for view in views))


def print_row(name: str, mine: Outcome, without: Outcome) -> None:
    seeds, photos, _ = mine.squared.shape
    statistic = partial(figures, seeds=seeds, photos=photos)
    terms = mine.terms()
    found = paired((terms, without.terms()), statistic)
    values = statistic(terms.sum(axis=0, keepdims=True))[0]
    print(f"{name:18}{with_intervals(values, found)}", flush=True)


def with_intervals(values: NDArray[np.float64], differences: Sequence[PairedDifference]) -> str:
    """Each value with the interval of its difference."""
    spans = [one.interval for one in differences]
    return "".join(f"  {v:6.3f} [{s.low:+.3f}, {s.high:+.3f}]" for v, s in zip(values, spans, strict=True))


if __name__ == "__main__":
    main()
