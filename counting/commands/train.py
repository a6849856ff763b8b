"""counting train"""

import argparse
from dataclasses import replace
from pathlib import Path

from counting.evaluation.scores import evaluate
from counting.models.checkpoint import load
from counting.models.config import Config, read_config
from counting.models.inference import count_scenes
from counting.report.report import write_report
from counting.tables.count_table import CountTable
from counting.training.calibration import calibrate
from counting.training.run import Learned, learn, load_split
from counting.training.run_folder import RunFolder
from counting.utils.progress import console
from counting_datasets.protocol import Protocol

RUNS = Path("runs")


def run(arguments: argparse.Namespace) -> int:
    """Train, then score the best epoch on Count-val and write its report."""
    config = read_config(arguments.config, arguments.overrides)
    folder = RunFolder(RUNS / (arguments.name or arguments.config.replace("/", "-").removesuffix(".yaml")))
    learned = learn(config, folder, resume=arguments.resume, device=arguments.device)
    if not learned.main_process:
        return 0
    if config.final:
        console.print(
            f"weights {folder.best}\nscore them on test: counting evaluate {folder.path}", highlight=False
        )
    else:
        _score_on_val(config, folder, learned)
    return 0


def _score_on_val(config: Config, folder: RunFolder, learned: Learned) -> None:
    val = load_split(config, config.data.val)
    protocol = Protocol.parse(config.data.protocol, val.family)
    truth = CountTable.from_scenes(val, protocol)
    predicted, _ = count_scenes(load(folder.best), val)
    if calibration := calibrate(folder.best, predicted, truth).calibration:
        predicted = replace(predicted, distribution=calibration.distribution(predicted.counts))
    evaluation = evaluate(
        predicted,
        truth,
        counter=folder.path.name,
        data=val.data,
        split=val.split,
        protocol=str(protocol),
    )
    report = write_report(evaluation, folder.path, val, history=learned.progressed.history)
    console.print(evaluation.to_table())
    console.print(
        f"best epoch {learned.progressed.best_epoch}, weights {folder.best}\nreport {report}", highlight=False
    )
