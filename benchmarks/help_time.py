"""Time of `counting --help`, from starting the process to its end.

    python benchmarks/help_time.py

Median of the runs after a first one that warms the disk cache and writes the byte code.
"""

import statistics
import subprocess
import sysconfig
import time
from pathlib import Path

RUNS = 10


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    command = [str(Path(sysconfig.get_path("scripts")) / "counting"), "--help"]
    seconds(command)
    runs = [seconds(command) for _ in range(RUNS)]
    print(f"counting --help: median {statistics.median(runs):.3f} s, slowest {max(runs):.3f} s of {RUNS} runs")


if __name__ == "__main__":
    main()
