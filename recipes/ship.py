"""Add a trained counter to the zoo: its weights in half precision, and a card that describes them.

python -m recipes.ship runs/voc2007-seq_sub voc2007-seq-sub voc2007/seq_sub
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from counting.evaluation.scores import Evaluation, evaluate
from counting.networks.checkpoint import Checkpoint, load, save
from counting.networks.compact_weights import Precision
from counting.networks.config import Config
from counting.networks.inference import count_scenes
from counting.networks.zoo import find_counter
from counting.networks.zoo.cards import FOLDER
from counting.tables.count_table import CountTable
from counting.training.calibration import calibrate
from counting.training.data import load_split, without_difficult
from counting.utils.files import write_json
from counting_datasets.catalog import Place
from counting_datasets.catalog import load as load_scenes
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol

LARGEST = 25_000_000
"""Largest size in bytes of the weights, which are part of the wheel."""


def ship(run: Path, name: str, config_name: str, precision: Precision = "half") -> Path:
    """Write the weights and the card of ``name``, with the scores of these weights; returns the weights' file.

    Raises:
        CountingError: the run is incomplete, its weights are too large, or photos of the test split are missing.
    """
    weights = run / "weights" / "best.safetensors"
    trained = load(weights)
    config = trained.config
    best = trained if config.final else _calibrated(trained, weights)
    path = FOLDER / f"{name}.safetensors"
    scale = best.non_difficult_scale
    save(best.counter, config, path, best.card, best.calibration, precision=precision, non_difficult_scale=scale)
    if path.stat().st_size > LARGEST:
        path.unlink()
        raise CountingError(f"{name}: its weights take more than {LARGEST:,} bytes")
    data = config.data
    overrides = "".join(f" {key}={value}" for key in ("start", "final") if (value := getattr(config, key)))
    card = {
        "counter": config.counter,
        "data": best.card["data"],
        "chosen_on": f"{data.name}/{data.val}",
        "backbone": _backbone(config),
        "command": f"counting train {config_name}{overrides}",
        "epoch": best.card["epoch"],
        "scored_on": f"{data.name}/test",
        "scores": [evaluation.to_json() for evaluation in _scores(name, data.name, data.root)],
    }
    write_json(path.with_suffix(".json"), card)
    return path


def _backbone(config: Config) -> str:
    origin = f"from {config.start}" if config.start else "ImageNet"
    return f"{config.backbone.name}, {origin}, {'frozen' if config.backbone.frozen else 'fine-tuned'}"


def _calibrated(trained: Checkpoint, weights: Path) -> Checkpoint:
    config = trained.config
    val = load_split(config.data, config.data.val)
    truth = CountTable.from_scenes(val, Protocol.parse(config.data.protocol, val.family))
    difficult = without_difficult(val, Protocol.parse(config.data.protocol, val.family))
    return calibrate(weights, count_scenes(trained, val)[0], truth, difficult)


def _scores(name: str, data: str, root: Path | None) -> Iterator[Evaluation]:
    scenes = load_scenes(data, "test", Place(root))
    checkpoint = find_counter(name)
    table, _ = count_scenes(checkpoint, scenes)
    for protocol_name in ("all", "non-difficult"):
        protocol = Protocol.parse(protocol_name, scenes.family)
        truth = CountTable.from_scenes(scenes, protocol)
        scaled = table.scaled(checkpoint.scale_under(protocol))
        yield evaluate(scaled, truth, counter=name, data=data, split="test", protocol=str(protocol))


if __name__ == "__main__":
    run_folder, zoo_name, configuration = sys.argv[1:]
    print(ship(Path(run_folder), zoo_name, configuration))
