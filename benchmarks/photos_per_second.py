"""Claim: counting photos in threads takes hardly longer than the backbone alone on the same pixels.

    python benchmarks/photos_per_second.py [--counter voc2007-loc-sub-final] [--photos 48] [--workers 2]

Decodes and counts VOC's photos one at a time with torch's default threads, one at a time with one thread, and as
``stream`` does, with ``--workers`` threads of one torch thread each; for comparison, the backbone alone on decoded
and resized pixels in as many threads. Prints wall time and CPU time per photo; on a busy machine only CPU times
can be compared.
"""

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch

import counting
from counting.inputs.photo_sources import PhotoSource
from counting.networks.folding import folded
from counting.networks.inference import default_workers
from counting.networks.zoo import BEST
from counting.utils.memory import keep_freed_memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("COUNTING_DATA", ".")) / "VOCdevkit" / "VOC2007"
    parser.add_argument("--root", type=Path, default=default, help="the folder that holds JPEGImages")
    parser.add_argument("--counter", default=BEST)
    parser.add_argument("--photos", type=int, default=48)
    parser.add_argument("--workers", type=int, default=default_workers())
    arguments = parser.parse_args()
    photos = sorted((arguments.root / "JPEGImages").glob("*.jpg"))[: arguments.photos]
    if not photos:
        parser.error("no photos there: set COUNTING_DATA or --root")
    keep_freed_memory()
    counter = counting.load(arguments.counter, "cpu")
    trained = folded(counter.checkpoint.counter)
    pixels = [trained.preprocess(PhotoSource.of(photo).open())[None] for photo in photos]
    backbone = partial(_in_threads, partial(_run, trained.cells.backbone), pixels, arguments.workers)
    runs: dict[str, Callable[[], object]] = {
        "bare backbone": backbone,
        f"{arguments.workers} workers": lambda: list(counter.stream(photos, workers=arguments.workers)),
        "one by one, 1 thread": partial(_one_by_one, counter, photos, 1),
        f"one by one, {torch.get_num_threads()} threads": partial(
            _one_by_one, counter, photos, torch.get_num_threads()
        ),
    }
    list(counter.stream(photos[:2]))
    bare = 0.0
    for name, run in runs.items():
        wall, processor = time.perf_counter(), time.process_time()
        run()
        wall, processor = (
            (time.perf_counter() - wall) / len(photos),
            (time.process_time() - processor) / len(photos),
        )
        bare = bare or processor
        ratio = f"{processor / bare:.2f} × the bare backbone's processor time"
        print(f"{name:24} {1000 * wall:6.0f} ms, {1000 * processor:6.0f} ms of processor a photo, {ratio}")


@torch.inference_mode()
def _run(backbone: torch.nn.Module, images: torch.Tensor) -> None:
    backbone(images)


def _in_threads(work: Callable[[torch.Tensor], None], pixels: list[torch.Tensor], workers: int) -> None:
    with ThreadPoolExecutor(workers, initializer=partial(torch.set_num_threads, 1)) as pool:
        list(pool.map(work, pixels))


def _one_by_one(counter: counting.Predictor, photos: list[Path], threads: int) -> None:
    torch.set_num_threads(threads)
    for photo in photos:
        counter.count(photo)


if __name__ == "__main__":
    main()
