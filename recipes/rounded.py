"""Round the weights of a trained counter, so that heads can be trained on the cells that will ship.

python -m recipes.rounded runs/everyday80 runs/everyday80-half half
"""

import sys
from pathlib import Path
from typing import get_args

from counting.networks.checkpoint import save
from counting.networks.compact_weights import Precision
from counting.networks.zoo import find_counter
from counting_datasets.errors import CountingError


def rounded(run: Path, out: Path, precision: Precision) -> None:
    """Write the best counter of ``run`` in ``precision``, as the best counter of the run folder ``out``."""
    trained = find_counter(str(run), "cpu")
    path = out / "weights" / "best.safetensors"
    save(trained.counter, trained.config, path, trained.card, trained.calibration, precision=precision)


if __name__ == "__main__":
    source, target, wanted = sys.argv[1:]
    if wanted not in get_args(Precision):
        raise CountingError(f"precision {wanted}: choose from {', '.join(get_args(Precision))}")
    rounded(Path(source), Path(target), wanted)  # type: ignore[arg-type]  # it is one of them
