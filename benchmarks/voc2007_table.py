"""The results table: baselines, the zoo, detect and ensembles on PASCAL VOC 2007 test, through the command line.

Prints a row for each, with the 95 % bootstrap interval of mRMSE, and the paired difference of seq-sub and aso-sub.
The detections are COCO results files, voc2007_{val,test}_NAME.json; weights and soft counts are fitted on val.

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
COUNTERS = ("voc2007-glance", "voc2007-aso-sub", "voc2007-seq-sub")
ENS = "+".join(COUNTERS)
DETECTORS = ("yolo_fastest_xl", "yolov3_tiny")
FIGURES = ("mRMSE", "mRMSE_nz", "m_relRMSE", "m_relRMSE_nz", "mae", "exact")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("COUNTING_DATA", ".")) / "detections"
    parser.add_argument("--detections", type=Path, default=default, help="folder of voc2007_{val,test}_NAME.json")
    parser.add_argument("--protocol", default="all")
    arguments = parser.parse_args()
    options = ["--protocol", arguments.protocol, "--bootstrap", "1000", "--json"]
    for name, what in _rows(arguments.detections).items():
        print_row(name, evaluate(*what, *options))
    paired = evaluate("voc2007-seq-sub", "--against", "voc2007-aso-sub", *options)["difference"]
    for figure, found in paired.items():
        span = f"[{found['low']:+.4f}, {found['high']:+.4f}]"
        print(f"seq-sub - aso-sub, {figure}: {found['difference']:+.4f} {span}")


def _rows(detections: Path) -> dict[str, list[str]]:
    """The arguments of `counting evaluate`, by row name."""
    rows = {name: [name] for name in (*BASELINES, *COUNTERS)}
    rows |= {"ens, average": [ENS], "ens, fitted": [ENS, "--weights", "fitted"]}
    test = [str(detections / f"voc2007_test_{name}.json") for name in DETECTORS]
    val = [str(detections / f"voc2007_val_{name}.json") for name in DETECTORS]
    for name, boxes, fit in zip(DETECTORS, test, val, strict=True):
        rows[f"{name}, score ≥ .5"] = [boxes]
        rows[f"{name}, thresholds"] = [boxes, "--fit", fit, "--boxes", "threshold"]
        rows[f"{name}, soft count"] = [boxes, "--fit", fit]
        rows[f"ens + {name}, fitted"] = [f"{ENS}+{boxes}", "--fit", fit, "--weights", "fitted"]
    fits = [word for fit in val for word in ("--fit", fit)]
    rows["ens + both detectors, fitted"] = ["+".join([ENS, *test]), *fits, "--weights", "fitted"]
    return rows


def evaluate(*arguments: str) -> Any:
    command = [sys.executable, "-m", "counting.cli", "evaluate", *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def print_row(name: str, result: dict[str, Any]) -> None:
    interval = result["intervals"]["mRMSE"]
    values = "  ".join(f"{result[figure]:.3f}" for figure in FIGURES)
    print(f"{name:29} {values}  mRMSE 95 % [{interval['low']:.3f}, {interval['high']:.3f}]", flush=True)


if __name__ == "__main__":
    main()
