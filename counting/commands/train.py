"""counting train"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import torch

from counting.evaluation.score_tables import score_table
from counting.evaluation.scores import evaluate
from counting.networks.baselines import BASELINES
from counting.networks.config import read_config
from counting.networks.inference import count_scenes
from counting.networks.zoo import find_counter
from counting.report.report import write_report
from counting.tables.count_table import CountTable
from counting.training.calibration import calibrate
from counting.training.data import TrainingData, without_difficult
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting.training.trainer import TrainingProgress
from counting.utils.progress import console

RUNS = Path("runs")


def run(arguments: argparse.Namespace) -> int:
    """Train a counter, score its best epoch on the validation split and write a report."""
    config = read_config(arguments.config, arguments.overrides)
    if config.backbone.frozen and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)  # a photo, or a batch of cell features, is too little work for several
    folder = RunFolder(RUNS / (arguments.name or run_name(arguments.config)))
    trained = train_counter(
        config, folder, resume=arguments.resume, device=arguments.device, workers=arguments.workers
    )
    if not trained.main_process:
        return 0
    console.print(trained.progress.ending(config.optimization), highlight=False)
    if trained.data.val is None:
        console.print(
            f"weights {folder.best}\nscore on the test split: counting evaluate {folder.path}",
            highlight=False,
        )
    else:
        _score(trained.data, folder, trained.device, trained.progress)
    return 0


def run_name(source: str) -> str:
    """The default name of a run: the stem of its configuration file, or a published name with dashes."""
    return Path(source).stem.lstrip(".") or "run" if Path(source).is_file() else source.replace("/", "-")


def _score(data: TrainingData, folder: RunFolder, device: torch.device, progress: TrainingProgress) -> None:
    """Score the best epoch on the validation split, fit its calibration on it and write the report."""
    val = data.val
    assert val is not None
    truth = CountTable.from_scenes(val, data.protocol)
    predicted, _ = count_scenes(find_counter(str(folder.best), device), val)
    difficult = without_difficult(val, data.protocol)
    if calibration := calibrate(folder.best, predicted, truth, difficult).calibration:
        predicted = replace(predicted, distribution=calibration.distribution(predicted.counts))
    always_0 = BASELINES["always-0"].predict(truth)
    evaluation, reference = (
        evaluate(table, truth, counter=name, data=val.data, split=val.split, protocol=str(data.protocol))
        for name, table in ((folder.path.name, predicted), ("always-0", always_0))
    )
    report = write_report(evaluation, folder.path, val, history=progress.history)
    console.print(score_table(evaluation))
    console.print(
        f"validation mRMSE {evaluation.metrics.mRMSE:.3f}; always-0, which predicts no objects, has "
        f"{reference.metrics.mRMSE:.3f}\nweights {folder.best}\nreport {report}",
        highlight=False,
    )
