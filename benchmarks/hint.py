"""Does HINT help, and why? Counters without it, with people's cues and with two controls, on photos not seen.

Each setting is trained from every seed. Printed are, on the test split: mRMSE, the rank correlation of the cells'
importance with the boxes, and how often the most important cell holds some of an object; each the mean over seeds,
with the 95 % interval, over photos, of its difference from no HINT.

    python benchmarks/hint.py [CONFIG] [--root DIR] [--weight λ] [--shares 0.06 1] [--seeds 0 1 2] [key=value …]

--root names a folder in VOC's layout, such as one that changed_priors_split.py makes; without it the data are VOC
2007. Runs are kept under --runs, and not trained twice.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counting.inputs.batches import ViewDataset
from counting.models.checkpoint import load
from counting.models.config import Config, HintConfig, read_config
from counting.models.feature_cache import FeatureCache
from counting.models.inference import count_scenes
from counting.stats.metrics import as_scored
from counting.training.hint.human_importance import HumanImportance
from counting.training.hint.scores import GroundingScores, grounding_scores
from counting.training.run import learn, load_split
from counting.training.run_folder import RunFolder
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

CUES = ("human", "random", "irrelevant")
RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class Outcome:
    """Of one setting: S×N×K squared errors, and the grounding of each seed."""

    squared: NDArray[np.float64]
    grounding: tuple[GroundingScores, ...]

    def figures(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """R×N weights of photos → R×3: mRMSE, rank correlation, pointing."""
        total = weight.sum(axis=1, keepdims=True)
        mrmse = np.mean([np.sqrt(weight @ seed / total).mean(axis=1) for seed in self.squared], axis=0)
        of_pairs = []
        for scores in self.grounding:
            pairs = weight[:, scores.photo]
            for values in (scores.correlation, scores.pointing):
                of_pairs.append(pairs @ values / pairs.sum(axis=1))
        correlation, pointing = (np.mean(of_pairs[one::2], axis=0) for one in (0, 1))
        return np.stack([mrmse, correlation, pointing], axis=1)


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
        learn(config, run, resume=run.state.is_file(), device="cpu")
    return run


def score(config: Config, run: RunFolder, split: str) -> tuple[NDArray[np.float64], GroundingScores]:
    checkpoint = load(run.best)
    scenes = load_split(config, split)
    protocol = Protocol.parse(config.data.protocol, scenes.family)
    table, lost = count_scenes(checkpoint, scenes)
    kept = SceneSet(
        scenes.data, split, scenes.family, scenes.categories, tuple(s for s in scenes if s.id not in lost)
    )
    squared = (as_scored(table.counts) - kept.counts(protocol)) ** 2
    cells = checkpoint.counter.cells
    human = HumanImportance(HintConfig(share=1.0), cells.grid, replace(protocol, non_difficult=True), seed=0)
    photos = ViewDataset(kept.scenes, FeatureCache(cells).read, checkpoint.counter.grid, protocol, hint=human)
    seen = ((photos[row][0], photos[row][2]) for row in range(len(photos)))
    return squared, grounding_scores(checkpoint.counter, seen)


def print_row(name: str, mine: Outcome, without: Outcome) -> None:
    photos = mine.squared.shape[1]
    everything = np.ones((1, photos))
    random = np.random.default_rng(0).multinomial(photos, np.full(photos, 1 / photos), RESAMPLES).astype(float)
    figures = mine.figures(everything)[0]
    difference = mine.figures(random) - without.figures(random)
    low, high = np.quantile(difference, [0.025, 0.975], axis=0)
    spans = "".join(f"  {f:6.3f} [{a:+.3f}, {b:+.3f}]" for f, a, b in zip(figures, low, high, strict=True))
    print(f"{name:18}{spans}", flush=True)


if __name__ == "__main__":
    main()
