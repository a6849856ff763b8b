"""counting train"""

import argparse
from pathlib import Path

from counting.calibrating import calibrate
from counting.config import read_config
from counting.evaluation import evaluate
from counting.inference import count_scenes
from counting.learning import learn, load_split
from counting.progress import console
from counting.report import write_report
from counting.runs import RunFolder
from counting.table import CountTable
from counting_datasets.protocol import Protocol

RUNS = Path("runs")


def run(arguments: argparse.Namespace) -> int:
    """Train, then score the best epoch on Count-val and write its report."""
    config = read_config(arguments.config, arguments.overrides)
    folder = RunFolder(RUNS / (arguments.name or arguments.config.replace("/", "-").removesuffix(".yaml")))
    learned = learn(config, folder, resume=arguments.resume, device=arguments.device)
    if not learned.main_process:
        return 0
    val = load_split(config, config.data.val)
    protocol = Protocol.parse(config.data.protocol, val.family)
    best = calibrate(folder.best, val, protocol)
    predicted, _ = count_scenes(best, val)
    evaluation = evaluate(
        predicted,
        CountTable.from_scenes(val, protocol),
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
    return 0
