"""``make demo``: draw everyday scenes, train three counters on them, and write a report."""

import sys
from pathlib import Path

import torch
from rich.console import Console

from counting.evaluation.scores import Evaluation, evaluate
from counting.networks.baselines import BASELINES
from counting.networks.checkpoint import load
from counting.networks.config import Config, read_config
from counting.networks.inference import count_scenes
from counting.report.report import write_report
from counting.tables.count_table import CountTable
from counting.training.data import load_split
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting.utils.memory import keep_freed_memory
from counting_datasets.generated import write_scenes
from counting_datasets.protocol import Protocol

FOLDER = Path("demo")
TRAIN, VAL, TEST = 400, 150, 200
COUNTERS = {
    "glance": ["head={hidden: [250, 250], dropout: 0.2}", "loss.on=[sum]"],
    "aso_sub": ["head={hidden: [500], dropout: 0.2}"],
    "seq_sub": [],
}
TO_BEAT = ("always-0", "category-mean")


def main() -> int:
    """Returns 1 if a trained counter does not beat the baselines."""
    keep_freed_memory()
    torch.set_num_threads(1)  # scenes and counters are small: threads would wait for each other
    console = Console()
    write_scenes(FOLDER / "scenes", train=TRAIN, val=VAL, test=TEST)
    trained = [_train_and_score(counter, options, console) for counter, options in COUNTERS.items()]
    scores = [score for _, score in trained]
    test = load_split(read_config("demo").data, "test")
    truth, train = (
        CountTable.from_scenes(split, Protocol())
        for split in (test, load_split(read_config("demo").data, "train"))
    )
    baselines = [
        _score(name, BASELINES[name].predict(truth, train), truth, BASELINES[name].rounded) for name in TO_BEAT
    ]
    for score in (*baselines, *scores):
        console.print(f"{score.counter}: mRMSE {score.metrics.mRMSE:.3f}", highlight=False)
    _, best = min(trained, key=lambda each: each[0])
    report = write_report(best, FOLDER / "report", test)
    console.print(f"the best on the validation split is {best.counter}: open {report}", highlight=False)
    return int(max(s.metrics.mRMSE for s in scores) >= min(b.metrics.mRMSE for b in baselines))


def _train_and_score(counter: str, options: list[str], console: Console) -> tuple[float, Evaluation]:
    """The validation split's mRMSE, and the evaluation on the test split."""
    config: Config = read_config("demo", [f"counter={counter}", *options])
    run = RunFolder(FOLDER / counter)
    console.print(f"training {counter} on {TRAIN} scenes", style="bold")
    trained = train_counter(config, run, resume=run.state.is_file())
    test = load_split(config.data, "test")
    predicted, _ = count_scenes(load(run.best), test)
    return trained.progress.best, _score(counter, predicted, CountTable.from_scenes(test, Protocol()))


def _score(counter: str, predicted: CountTable, truth: CountTable, rounded: bool = True) -> Evaluation:
    return evaluate(
        predicted, truth, counter=counter, data="generated", split="test", protocol="all", rounded=rounded
    )


if __name__ == "__main__":
    sys.exit(main())
