"""CPU seconds to read the annotations of data sets, without opening photos.

    python -m benchmarks.data_loading [--data DIR]

DIR (else $COUNTING_DATA) holds VOCdevkit and coco. It also reads a generated file, a tenth of COCO 2014's val.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from counting_datasets.catalog import Place, load
from counting_datasets.coco import load_coco
from counting_datasets.scene import SceneSet


def made_up(folder: Path, images: int = 4050, boxes: int = 29_000) -> Path:
    """Write an instances file with ``images`` photos and ``boxes`` boxes."""
    image_of = np.random.default_rng(0).integers(1, images + 1, boxes).tolist()
    content = {
        "images": [
            {"id": i, "file_name": f"{i:012}.jpg", "width": 640, "height": 480} for i in range(1, images + 1)
        ],
        "annotations": [
            {"id": i, "image_id": image, "category_id": 2, "bbox": [1.5, 2, 3, 4]}
            for i, image in enumerate(image_of)
        ],
        "categories": [{"id": 2, "name": "apple"}],
    }
    file = folder / "instances_val.json"
    file.write_text(json.dumps(content))
    return file


def report(name: str, read: Callable[[], SceneSet], repeats: int = 3) -> None:
    """Print the shortest time of ``repeats``."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        scenes = read()
        times.append(time.process_time() - start)
    print(f"{name:<24}{len(scenes):>8,} photos{min(times):8.2f} s")


def main() -> None:
    """Print a line for each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTING_DATA", ".")))
    data = parser.parse_args().data
    voc = data / "VOCdevkit" / "VOC2007"
    report("voc2007 test", lambda: load("voc2007", "test", Place(voc)))
    report("voc2007 test, as own", lambda: load("voc", "test", Place(voc)))
    report("coco train2017_subset", lambda: load("coco", "train2017_subset", Place(data / "coco")))
    with tempfile.TemporaryDirectory() as folder:
        file = made_up(Path(folder))
        report("a tenth of coco2014 val", lambda: load_coco(file, Path(folder), split="val"))


if __name__ == "__main__":
    main()
