"""Time that a counter takes per photo, from pixels to counts, beside its bare backbone and other detectors.

    python benchmarks/photo_time.py everyday80 voc2007-loc-sub-final [--detectors] [--photos 40] [--threads 2]

Random photos of 500 × 375 pixels, as most of VOC are, one at a time; the median after a warm-up. All take turns,
so a busy machine slows them alike. Detectors have random weights, which change their time little: the number of
proposals is fixed. Counters are folded, as in ``counting predict``; backbones are timed folded and as they are.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torchvision
from PIL import Image

import counting.networks.zoo
from counting.networks.folding import folded
from counting.networks.zoo import find_counter
from counting.utils.memory import keep_freed_memory

SIZE = (500, 375)
WARM_UP = 3
DETECTORS = (
    "ssdlite320_mobilenet_v3_large",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_resnet50_fpn",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counters", nargs="+", metavar="COUNTER")
    parser.add_argument("--detectors", action="store_true", help="time torchvision's detectors too")
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)
    photo = Image.fromarray(pixels)
    timed: dict[str, Callable[[], object]] = {}
    for name in arguments.counters:
        timed |= counter_and_backbone(name, photo)
    if arguments.detectors:
        timed |= {name: detector(name, photo) for name in DETECTORS}
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    with torch.inference_mode():
        for _ in range(WARM_UP + arguments.photos):
            for name, run in timed.items():
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
    for name, taken in seconds.items():
        file = Path(counting.networks.zoo.__file__).parent / f"{name}.safetensors"
        size = f"{file.stat().st_size / 1e6:.1f} MB" if file.is_file() else ""
        print(f"{name:46} {1000 * median(taken[WARM_UP:]):6.0f} ms a photo  {size}")


def counter_and_backbone(name: str, photo: Image.Image) -> dict[str, Callable[[], object]]:
    counter = find_counter(name, "cpu").counter
    fast = folded(counter)
    return {
        name: lambda: fast.count(fast.preprocess(photo)[None]),
        f"{name}: backbone alone, folded": lambda: fast.cells.backbone(fast.preprocess(photo)[None]),
        f"{name}: backbone alone": lambda: counter.cells.backbone(counter.preprocess(photo)[None]),
    }


def detector(name: str, photo: Image.Image) -> Callable[[], object]:
    build = getattr(torchvision.models.detection, name)
    model = build(weights=None, weights_backbone=None).eval()
    return lambda: model([torchvision.transforms.functional.to_tensor(photo)])


if __name__ == "__main__":
    main()
