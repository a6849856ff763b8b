"""Claim: explaining 1,000 photos takes no more memory than explaining 50: no graph and no hook remains.

Explains random photos with the default counter, every tenth also guided, and prints the resident memory as it goes
and the number of hooks left at the end.

    python benchmarks/explain_memory.py [--photos 1000] [--counter WHAT]
"""

import argparse
import os
from pathlib import Path

import numpy as np
from PIL import Image

from counting.explain.count_explanation import explain_photo
from counting.networks.zoo import BEST, find_counter
from counting.utils.memory import keep_freed_memory

WARM = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--counter", default=BEST)
    arguments = parser.parse_args()
    keep_freed_memory()
    counter = find_counter(arguments.counter, "cpu").counter
    random = np.random.default_rng(0)
    resident = {}
    for number in range(1, arguments.photos + 1):
        photo = Image.fromarray(random.integers(0, 255, (375, 500, 3), dtype=np.uint8))
        explain_photo(counter, photo, counter.categories[:3], guided=number % 10 == 0)
        if number == WARM or number % 250 == 0:
            resident[number] = _resident()
            print(f"{number:5} photos: {resident[number]:.0f} MiB", flush=True)
    print(f"ratio {resident[max(resident)] / resident[WARM]:.3f}")
    print(f"hooks left: {sum(len(module._forward_hooks) for module in counter.modules())}")


def _resident() -> float:
    """Resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
