"""The results table: every counter on PASCAL VOC 2007 test, protocol `all` unless named otherwise.

Trains what is not yet trained (runs/<configuration>), then evaluates through the command line: a row each, with
95 % bootstrap intervals, and the paired difference of seq-sub and aso-sub.

    python benchmarks/voc2007_table.py [--protocol non-difficult] [--detections DIR]
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

BASELINES = ("always-0", "always-1", "mean", "category-mean", "presence-oracle")
TRAINED = ("gt_class", "glance", "aso_sub", "seq_sub")
DETECTOR = "yolo_fastest_xl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("COUNTING_DATA", ".")) / "detections"
    parser.add_argument("--detections", type=Path, default=default, help="folder of voc2007_{val,test}_*.json")
    parser.add_argument("--protocol", default="all")
    arguments = parser.parse_args()
    runs = {name: f"runs/voc2007-{name}" for name in TRAINED}
    for name, folder in runs.items():
        if not Path(folder, "results.json").is_file():
            _counting("train", f"voc2007/{name}")
    test, val = (str(arguments.detections / f"voc2007_{split}_{DETECTOR}.json") for split in ("test", "val"))
    ens = "+".join(runs[name] for name in TRAINED[1:])
    rows: dict[str, list[str]] = {name: [name] for name in BASELINES}
    rows |= {name: [folder] for name, folder in runs.items()}
    rows["detect (score ≥ .5)"] = [test]
    rows["detect (thresholds)"] = [test, "--fit", val, "--boxes", "threshold"]
    rows["detect (soft count)"] = [test, "--fit", val]
    rows["ens of the three"] = [ens]
    rows["ens of the three, fitted"] = [ens, "--weights", "fitted"]
    rows["ens + detect"] = [f"{ens}+{test}", "--fit", val]
    rows["ens + detect, fitted"] = [f"{ens}+{test}", "--fit", val, "--weights", "fitted"]
    options = ["--protocol", arguments.protocol, "--bootstrap", "1000"]
    for name, what in rows.items():
        _print(name, _counting("evaluate", *what, *options, "--json"))
    paired = _counting("evaluate", runs["seq_sub"], "--against", runs["aso_sub"], *options, "--json")["difference"]
    for figure, found in paired.items():
        print(
            f"seq_sub - aso_sub, {figure}: {found['difference']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]"
        )


def _counting(*arguments: str) -> Any:
    command = [sys.executable, "-m", "counting.cli", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if "--json" in arguments else None


def _print(name: str, result: dict[str, Any]) -> None:
    figures = ("mRMSE", "mRMSE_nz", "m_relRMSE", "m_relRMSE_nz", "mae", "exact")
    interval = result["intervals"]["mRMSE"]
    values = "  ".join(f"{result[figure]:.3f}" for figure in figures)
    print(f"{name:26} {values}  mRMSE 95 % [{interval['low']:.3f}, {interval['high']:.3f}]", flush=True)


if __name__ == "__main__":
    main()
