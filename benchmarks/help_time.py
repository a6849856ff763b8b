"""CPU seconds and peak memory of short commands, from starting the process to its end.

    python benchmarks/help_time.py [PHOTO]

The median of the runs after a first one, which warms the disk cache. With PHOTO, `counting predict PHOTO` too.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence

RUNS = 5


def cost(command: Sequence[str]) -> tuple[float, float]:
    """CPU seconds and MiB of one run."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return used.ru_utime + used.ru_stime, used.ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", metavar="PHOTO")
    photo = parser.parse_args().photo
    counting = [sys.executable, "-m", "counting.cli"]
    commands = {
        "counting --help": [*counting, "--help"],
        "counting predict --help": [*counting, "predict", "--help"],
        "counting models": [*counting, "models"],
        "counting predikt (a typo)": [*counting, "predikt"],
        "counting evaluate voc2007-sqe-sub": [*counting, "evaluate", "voc2007-sqe-sub"],
        "counting evaluate --split tset": [*counting, "evaluate", "voc2007-glance", "--split", "tset"],
        "counting train voc2007/seq_sb": [*counting, "train", "voc2007/seq_sb"],
        "import counting": [sys.executable, "-c", "import counting"],
    }
    if photo:
        commands["counting predict PHOTO"] = [*counting, "predict", photo]
    for name, command in commands.items():
        cost(command)
        seconds, memory = (
            statistics.median(each) for each in zip(*(cost(command) for _ in range(RUNS)), strict=True)
        )
        print(f"{name:36}{seconds:6.2f} s CPU{memory:7.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
