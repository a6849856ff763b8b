"""Store the maps of a pool's views in a run's folder, ahead of training on cached maps that reads them.

python -m recipes.fill_pool everyday80 runs/everyday80 --part 1 --of 2

Without it, the run computes the maps itself, more slowly and with the same result.
"""

import argparse
from pathlib import Path

from counting.networks.config import read_config
from counting.training.data import load_data
from recipes.cached_maps import CachedTraining


def main() -> None:
    """Store the maps of the pool's views, in the order of their numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("run", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--part", type=int, default=0, help="which of the processes this is, from 0")
    parser.add_argument("--of", type=int, default=1, help="number of processes that store maps")
    asked = parser.parse_intermixed_args()
    config = read_config(asked.config, asked.overrides)
    training = CachedTraining(config, load_data(config), asked.run)
    for number in range(asked.part, training.ready(training.steps), asked.of):
        training.maps.view(number)


if __name__ == "__main__":
    main()
