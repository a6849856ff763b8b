"""Time that a counter takes per photo, from pixels to counts, and the size of its file.

    python benchmarks/photo_time.py voc2007-seq-sub-final voc2007-loc-sub-final [--photos 40] [--threads 2]

Random photos of 500 × 375 pixels, as most of VOC are, one at a time; the median after a warm-up.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image

import counting.networks.zoo
from counting.networks.zoo import find_counter
from counting.utils.memory import keep_freed_memory

SIZE = (500, 375)
WARM_UP = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counters", nargs="+", metavar="COUNTER")
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)
    photo = Image.fromarray(pixels)
    for name in arguments.counters:
        counter = find_counter(name, "cpu").counter
        seconds = []
        with torch.inference_mode():
            for _ in range(WARM_UP + arguments.photos):
                start = time.perf_counter()
                counter.count(counter.preprocess(photo)[None])
                seconds.append(time.perf_counter() - start)
        file = Path(counting.networks.zoo.__file__).parent / f"{name}.safetensors"
        size = f"{file.stat().st_size / 1e6:.1f} MB" if file.is_file() else ""
        print(f"{name:24} {1000 * median(seconds[WARM_UP:]):.0f} ms a photo  {size}")


if __name__ == "__main__":
    main()
