"""Try damaged inputs of every kind, each kind in a process of its own, and print what came of them.

    python -m fuzz [--inputs 20000] [--seed 0] [--kind NAME]

An input is accepted or refused with a CountingError; anything else is a fault: another exception, more than 10 s,
a crash, or more than 2 GB of memory. Faults are printed with the seed that brings them back. Exit code 1 if any.
"""

import argparse
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from random import Random
from types import FrameType
from typing import Any

from counting_datasets.errors import CountingError
from fuzz.commands import try_commands
from fuzz.kinds import Kind, kinds

SECONDS = 10
MEBIBYTES = 2048
COMMANDS = "commands"
SHOWN = 5


def too_slow(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


def outcome(kind: Kind, seed: int, file: Path) -> str:
    """ "accepted", "refused" or the fault's traceback, of the input that ``seed`` makes."""
    random = Random(seed)
    file.write_bytes(kind.damage(random, random.choice(list(kind.corpus))))
    signal.alarm(SECONDS)
    try:
        kind.read(file)
    except CountingError as error:
        return "refused" if "\n" not in str(error).strip() else f"error of several lines: {error}"
    except BaseException:
        return traceback.format_exc()
    finally:
        signal.alarm(0)
    return "accepted"


def try_kind(name: str, seeds: range, results: Any) -> None:
    """Put (outcome or fault, its seed) for each of ``seeds``, and last the peak memory in MiB."""
    signal.signal(signal.SIGALRM, too_slow)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, "a", "b")  # so that ../.. holds nothing but this folder
        inside.mkdir(parents=True)
        os.chdir(inside)
        if name == COMMANDS:
            for seed, found in try_commands(seeds, SECONDS):
                results.put((found, seed))
        else:
            (kind,) = (each for each in kinds() if each.name == name)
            for seed in seeds:
                results.put((outcome(kind, seed, Path(f"input{kind.suffix}").absolute()), seed))
        os.chdir("/")
    results.put(("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))


def run_kind(name: str, seeds: range) -> tuple[Counter[str], list[tuple[int, str]], int]:
    """Totals, faults with their seeds, and peak memory."""
    context = get_context("fork")
    results = context.Queue()
    process = context.Process(target=try_kind, args=(name, seeds, results))
    process.start()
    totals: Counter[str] = Counter()
    faults: list[tuple[int, str]] = []
    last = seeds[0] - 1
    while True:
        try:
            found, number = results.get(timeout=1)
        except Empty:
            if process.is_alive():
                continue
            faults.append((last + 1, f"the process ended with {process.exitcode}"))
            return totals, faults, 0
        if found == "memory":
            process.join()
            return totals, faults, number
        last = number
        totals[found if found in ("accepted", "refused") else "fault"] += 1
        if found not in ("accepted", "refused"):
            faults.append((number, found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", help="only this kind")
    arguments = parser.parse_args()
    shares = {kind.name: kind.share for kind in kinds()} | {COMMANDS: 2}
    chosen = [arguments.kind] if arguments.kind else list(shares)
    failed, tried = False, 0
    for name in chosen:
        wanted = max(1, arguments.inputs * shares[name] // 100)
        totals, faults, memory = run_kind(name, range(arguments.seed, arguments.seed + wanted))
        tried += totals.total()
        counted = ", ".join(f"{totals[key]:,} {key}" for key in ("accepted", "refused", "fault"))
        print(f"{name:16} {totals.total():6,} tried: {counted}; {memory} MiB", flush=True)
        failed |= bool(faults) or memory > MEBIBYTES
        for seed, fault in faults[:SHOWN]:
            print(f"--- {name}, seed {seed}\n{fault}", flush=True)
    print(f"{tried:,} inputs tried, {'with' if failed else 'no'} faults")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
