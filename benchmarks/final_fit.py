"""Train the published counters and loc-sub on train + val, with settings chosen on val, and score them on test.

Trains what is missing under runs/ (45 minutes once features are cached, and 90 minutes on one core for loc-sub),
then prints a row on PASCAL VOC 2007 test for each counter and for their ensembles, alone and with detectors. What
is fitted on val (scales, calibrations, ensemble weights) is fitted to counters that were not trained on it: those
of the zoo and, for loc-sub, the run by which its settings were chosen.

    python benchmarks/final_fit.py [--protocol non-difficult] [--detections DIR]
"""

import argparse
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

from voc2007_table import COUNTERS, DETECTORS, evaluate, print_row

from counting.networks.inference import count_scenes
from counting.networks.zoo import find_counter
from counting.tables.table_files import write_table
from counting_datasets.catalog import Place, load

RUNS = Path("runs")
CONFIGS = {
    "voc2007-glance": "voc2007/glance",
    "voc2007-aso-sub": "voc2007/aso_sub",
    "voc2007-seq-sub": "voc2007/seq_sub",
    "runs/voc2007-loc_sub": "voc2007/loc_sub",
    "runs/voc2007-loc_sub_head": "voc2007/loc_sub_head",
}
"""Configuration of each counter, by the name of the one trained on train alone."""
STARTS = {"runs/voc2007-loc_sub_head": "runs/voc2007-loc_sub-final"}
"""Counter that a run trained on train + val starts from."""
BEST_TWO = ("voc2007-seq-sub", "runs/voc2007-loc_sub_head")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("COUNTING_DATA", ".")) / "detections"
    parser.add_argument("--detections", type=Path, default=default, help="folder of voc2007_{val,test}_NAME.json")
    parser.add_argument("--protocol", default="all")
    arguments = parser.parse_args()
    finals = {name: final_of(name) for name in CONFIGS}
    tables = RUNS / "final-tables"
    on_val = {name: counts_of(name, "val", tables / f"{Path(name).name}.val.csv") for name in CONFIGS}
    on_test = {name: counts_of(str(run), "test", tables / f"{run.name}.test.csv") for name, run in finals.items()}
    options = ["--protocol", arguments.protocol, "--bootstrap", "1000", "--json"]
    for name, counts in on_test.items():
        print_row(finals[name].name, evaluate(str(counts), *options))
    for members, detectors in product((COUNTERS, BEST_TWO), ((), DETECTORS[:1], DETECTORS)):
        test = [str(arguments.detections / f"voc2007_test_{name}.json") for name in detectors]
        val = [str(arguments.detections / f"voc2007_val_{name}.json") for name in detectors]
        fits = [word for file in (*(on_val[name] for name in members), *val) for word in ("--fit", str(file))]
        ens = "+".join([*(str(on_test[name]) for name in members), *test])
        row = " + ".join([f"ens of {len(members)}", *detectors])
        print_row(row, evaluate(ens, *fits, "--weights", "fitted", *options))


def final_of(name: str) -> Path:
    """The run folder of a counter's final fit; it and the run ``name`` before it are trained if missing."""
    settled, run = Path(name), RUNS / f"{Path(name).name}-final"
    if settled.parent == RUNS:
        train(settled, CONFIGS[name])
    start = [f"start={STARTS[name]}"] if name in STARTS else []
    train(run, CONFIGS[name], f"final={name}", *start)
    return run


def train(run: Path, *config: str) -> None:
    if not (run / "weights" / "best.safetensors").is_file():
        command = [sys.executable, "-m", "counting.cli", "train", *config, "--name", run.name]
        subprocess.run(command, check=True)


def counts_of(counter: str, split: str, path: Path) -> Path:
    """A file with the counts of a split."""
    if not path.is_file():
        table, _ = count_scenes(find_counter(counter), load("voc2007", split, Place()))
        write_table(table, path)
    return path


if __name__ == "__main__":
    main()
