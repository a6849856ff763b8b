"""Time of the metrics and of their bootstrap on a table the size of COCO's Count-test (20,252 × 80).

    python benchmarks/metrics_speed.py

Counts are generated, as sparse as COCO's. OMP_NUM_THREADS sets the threads (default: all). Each time is the
shortest of its runs; memory is the process's peak, imports included.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable

import numpy as np

from counting.evaluation.intervals import metric_differences, metric_intervals
from counting.stats.metrics import Floats, count_metrics

IMAGES, CATEGORIES, RESAMPLES = 20_252, 80, 1_000


def counts() -> tuple[Floats, Floats, Floats]:
    """True counts and those of two counters."""
    rng = np.random.default_rng(0)
    occurs = rng.random((IMAGES, CATEGORIES)) < 0.036
    true = np.where(occurs, rng.geometric(0.4, size=occurs.shape), 0).astype(np.float64)
    a, b = (np.clip(true + rng.normal(0, 0.5, size=true.shape), 0, None) for _ in range(2))
    return true, a, b


def shortest(runs: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest of ``runs``."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    true, a, b = counts()
    names = [str(k) for k in range(CATEGORIES)]
    threads = os.environ.get("OMP_NUM_THREADS", f"{os.cpu_count()} (all)")
    print(f"{IMAGES:,} × {CATEGORIES}, {threads} threads")
    timed: dict[str, tuple[int, Callable[[], object]]] = {
        "count_metrics": (5, lambda: count_metrics(a, true, names)),
        f"bootstrap, {RESAMPLES:,} resamples": (2, lambda: metric_intervals(a, true, RESAMPLES)),
        f"paired bootstrap, {RESAMPLES:,} resamples": (2, lambda: metric_differences(a, b, true, RESAMPLES)),
    }
    for what, (runs, work) in timed.items():
        print(f"{what:36}{shortest(runs, work):7.3f} s")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    print(f"{'peak memory':36}{peak:7.0f} MiB")


if __name__ == "__main__":
    main()
