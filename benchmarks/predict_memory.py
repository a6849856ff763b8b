"""Claim: counting 2,000 photos takes no more memory than counting 200, within 10 %.

Runs `counting predict` on two folders of links to real photos, each in its own process, and prints each process's
peak resident memory.

    python benchmarks/predict_memory.py [--root VOC2007]
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES = (200, 2000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("COUNTING_DATA", ".")) / "VOCdevkit" / "VOC2007"
    parser.add_argument("--root", type=Path, default=default, help="the folder that holds JPEGImages")
    photos = sorted((parser.parse_args().root / "JPEGImages").glob("*.jpg"))
    if not photos:
        parser.error("no photos there: set COUNTING_DATA or --root")
    peaks = [_peak(photos, size) for size in SIZES]
    for size, peak in zip(SIZES, peaks, strict=True):
        print(f"{size:5} photos: peak {peak / 1024:.0f} MiB")
    print(f"ratio {peaks[1] / peaks[0]:.3f}")


def _peak(photos: list[Path], size: int) -> int:
    """KiB, the peak of the largest child so far: measure small folders before large ones."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(size):
            photo = photos[number % len(photos)]
            (Path(folder) / f"{number:05}-{photo.name}").symlink_to(photo.resolve())
        command = [sys.executable, "-m", "counting.cli", "predict", folder, "--out", f"{folder}/counts.csv"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


if __name__ == "__main__":
    main()
