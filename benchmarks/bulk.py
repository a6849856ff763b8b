"""Claims: two worker processes count nearly twice as fast as one, in memory that does not grow with the photos.

    python benchmarks/bulk.py speed [--photos 2000] [--counter NAME]
    python benchmarks/bulk.py memory [--counter NAME]
    python benchmarks/bulk.py engines [--photos 2000] [--counter NAME]

``speed`` runs `counting predict` with one and with two worker processes on VOC's photos, and the counter's network
alone on random pixels in one and in two processes: the ratio that the processors allow. ``memory`` compares the
peaks of all processes together for 2,000 and for 20,000 small photos. ``engines`` compares processor time and wall
time per photo of threads, processes and Ray, after the first 200: use a small counter to see what they add.
On a busy machine only processor times can be compared. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

SIZES = (2000, 20_000)

FEW = 200
"""Photos from which `counting predict --workers 2` starts processes."""

NETWORK = """
import sys, torch, counting
from counting.networks.folding import folded
from counting.utils.memory import keep_freed_memory
keep_freed_memory()
torch.set_num_threads(1)
network = folded(counting.load(sys.argv[1] or None).checkpoint.counter)
side = network.cells.side
with torch.inference_mode():
    network(torch.rand(1, 3, side, side))
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[2])):
        network(torch.rand(1, 3, side, side))
"""


INTERVAL = 0.1
"""Seconds between two looks at the processes of a command."""

TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """What a command took.

    Attributes:
        wall: seconds on the clock.
        processor: seconds of processor time of all its processes.
        peak: sum of the peaks of resident memory of all its processes, in MiB.
    """

    wall: float
    processor: float
    peak: float = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["speed", "memory", "engines"])
    default = Path(os.environ.get("COUNTING_DATA", ".")) / "VOCdevkit" / "VOC2007"
    parser.add_argument("--root", type=Path, default=default, help="the folder that holds JPEGImages")
    parser.add_argument("--counter", default="", help="default: the default counter")
    parser.add_argument("--photos", type=int, default=2000)
    arguments = parser.parse_args()
    {"speed": speed, "memory": memory, "engines": engines}[arguments.what](arguments)


def speed(arguments: argparse.Namespace) -> None:
    photos = sorted((arguments.root / "JPEGImages").glob("*.jpg"))[: arguments.photos]
    costs = {workers: predict(photos, arguments.counter, "--workers", str(workers)) for workers in (1, 2)}
    alone = {processes: network(arguments.counter, len(photos), processes) for processes in (1, 2)}
    for what, one in (("predict", costs), ("network alone", alone)):
        show(f"{what}, 1 process", one[1], len(photos))
        show(f"{what}, 2 processes", one[2], len(photos))
        print(f"{what}: {one[1].wall / one[2].wall:.2f} times as fast with two processes")


def memory(arguments: argparse.Namespace) -> None:
    costs = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            costs.append(predict(small_photos(Path(folder), size), arguments.counter, "--workers", "2"))
        print(
            f"{size:6,} photos: peak {costs[-1].peak:.0f} MiB, {1000 * costs[-1].processor / size:.1f} ms a photo"
        )
    print(f"ratio {costs[1].peak / costs[0].peak:.3f}")


def engines(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        photos = small_photos(Path(folder), arguments.photos)
        for name, options in (
            ("threads", ("--workers", "1")),
            ("processes", ("--workers", "2")),
            ("ray", ("--workers", "2", "--engine", "ray")),
        ):
            few, whole = (predict(photos[:size], arguments.counter, *options) for size in (FEW, len(photos)))
            more = Cost(whole.wall - few.wall, whole.processor - few.processor)
            show(name, more, len(photos) - FEW)
            print(f"{name}: {few.wall:.1f} s for the first {FEW} photos, start included", flush=True)


def small_photos(folder: Path, number: int) -> list[Path]:
    """Photos of noise of 32×24 pixels."""
    random = np.random.default_rng(0)
    for n in range(number):
        Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(folder / f"{n:05}.jpg")
    return sorted(folder.iterdir())


def predict(photos: list[Path], counter: str, *options: str) -> Cost:
    """Count ``photos`` into a Parquet file."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counts.parquet"
        command = [sys.executable, "-m", "counting.cli", "predict", "-", "--out", str(out), *options]
        chosen = ["--counter", counter] if counter else []
        names = "\n".join(str(photo.resolve()) for photo in photos)
        process = subprocess.Popen(
            [*command, *chosen],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None
        process.stdin.write(names)
        process.stdin.close()
        cost = watched([process])
        assert process.returncode == 0
        return cost


def watched(started: list[subprocess.Popen[str]]) -> Cost:
    """Wait for processes; what they and their descendants took from now on."""
    began = time.perf_counter()
    before = {pid: seconds for pid, (seconds, _) in tree(started).items()}
    seen: dict[int, tuple[float, float]] = {}
    while any(process.poll() is None for process in started):
        seen |= tree(started)
        time.sleep(INTERVAL)
    processor = sum(seconds - before.get(pid, 0) for pid, (seconds, _) in seen.items())
    return Cost(time.perf_counter() - began, processor, sum(peak for _, peak in seen.values()))


def tree(started: list[subprocess.Popen[str]]) -> dict[int, tuple[float, float]]:
    """Processor seconds and peak MiB of each of ``started`` and their descendants."""
    parents, used = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            status = (folder / "status").read_text()
        except OSError:  # it has just ended
            continue
        peak = status.partition("VmHWM:")[2].split()[:1] or ["0"]
        parents[int(folder.name)] = int(fields[1])
        used[int(folder.name)] = ((int(fields[11]) + int(fields[12])) / TICKS, int(peak[0]) / 1024)
    found = {process.pid for process in started}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: used[pid] for pid in found if pid in used}


def network(counter: str, photos: int, processes: int) -> Cost:
    """Run the network alone for ``photos`` images, divided among processes that have loaded it before."""
    command = [sys.executable, "-c", NETWORK, counter, str(photos // processes)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = [subprocess.Popen(command, text=True, **pipes) for _ in range(processes)]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return watched(started)


def show(what: str, cost: Cost, photos: int) -> None:
    wall, processor = (1000 * seconds / photos for seconds in cost[:2])
    print(f"{what:28} {wall:8.1f} ms, {processor:8.1f} ms of processor time a photo", flush=True)


if __name__ == "__main__":
    main()
