"""Fill the feature cache from the cached maps of a run, so that heads can be trained on its frozen cells.

python -m recipes.cached_features everyday80 runs/everyday80

The maps of the training photos are there already, so that this takes a fifth of the time that ``counting train``
would take to compute the same features. (They differ by the rounding of the maps to half precision.)
"""

import sys
from pathlib import Path

import torch

from counting.networks.config import read_config
from counting.networks.feature_cache import FeatureCache
from counting.networks.zoo import find_counter
from counting.training.data import load_data
from counting.utils.progress import track
from recipes.cached_maps import CachedMaps, Stages, stacked

BATCH = 16


@torch.inference_mode()
def fill(config: str, run: Path) -> None:
    """Store the features of all training photos by the best counter of ``run``."""
    counter = find_counter(str(run)).counter
    stages = Stages(counter).eval()
    maps, cache = CachedMaps(stages, run / "maps"), FeatureCache(counter.cells)
    scenes = [scene for scene in load_data(read_config(config)).train if scene.path.is_file()]
    for some in track([scenes[i : i + BATCH] for i in range(0, len(scenes), BATCH)], "features", unit=BATCH):
        fine, coarse = (stacked(part) for part in zip(*(maps.read(scene) for scene in some), strict=True))
        with torch.autocast("cpu", torch.bfloat16):
            features, _ = stages.features(fine, coarse)
        for scene, of_scene in zip(some, features, strict=True):
            cache.store(scene, maps.view(scene, 0), of_scene)


if __name__ == "__main__":
    name, where = sys.argv[1:]
    fill(name, Path(where))
