"""Add a trained counter to the zoo: its weights in half precision, and a card that describes them.

python -m recipes.ship runs/voc2007-seq_sub voc2007-seq-sub voc2007/seq_sub
python -m recipes.ship runs/everyday80 everyday80 everyday80 --coco $COUNTING_DATA/coco test2014_subset \
    --difficulty voc2007-seq-sub
python -m recipes.ship runs/everyday80 everyday80-small everyday80 --coco $COUNTING_DATA/coco test2014_subset \
    --difficulty voc2007-seq-sub --precision int8 --side 320
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counting.evaluation.scores import Evaluation, evaluate
from counting.networks.checkpoint import Checkpoint, load, save
from counting.networks.compact_weights import Precision
from counting.networks.config import Config
from counting.networks.config_sections import DataConfig, SourceConfig
from counting.networks.inference import count_scenes
from counting.networks.zoo import find_counter
from counting.networks.zoo.cards import FOLDER
from counting.tables.count_table import CountTable
from counting.training.calibration import calibrate, fit_scales
from counting.training.data import load_split, without_difficult
from counting.utils.files import write_json
from counting_datasets.catalog import Place
from counting_datasets.catalog import load as load_scenes
from counting_datasets.categories import match_categories
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol

LARGEST = 25_000_000
"""Largest size in bytes of the weights, which are part of the wheel."""


def ship(
    run: Path,
    name: str,
    config_name: str,
    precision: Precision = "half",
    coco: tuple[Path, str] | None = None,
    difficulty: str | None = None,
    side: int | None = None,
    command: str | None = None,
) -> Path:
    """Write the weights and the card of ``name``, with the scores of these weights; returns the weights' file.

    The scores are those on VOC 2007's test split and, with ``coco``, on a split of the COCO data in a folder.
    ``difficulty`` names a counter that was not trained on its validation split: how much smaller its counts are
    without difficult objects holds for this one too.
    ``side`` is the side of the photos that it gets, if they are smaller than those it was trained on.
    ``command`` is the one that trained it, if it was not ``counting train``.

    Raises:
        CountingError: the run is incomplete, its weights are too large, or photos of the test split are missing.
    """
    trained = _rounded(run, name, precision, side)
    config = trained.config
    best = trained if config.final else _calibrated(trained, _file(run, name))
    path = FOLDER / f"{name}.safetensors"
    scales = _without_difficult(difficulty, best) if difficulty else best.non_difficult_scales
    save(best.counter, config, path, best.card, best.calibration, precision=precision, non_difficult_scales=scales)
    if path.stat().st_size > LARGEST:
        path.unlink()
        raise CountingError(f"{name}: its weights take more than {LARGEST:,} bytes")
    data = config.data
    scores = list(_scores(name, data.name, "test", data.root))
    if coco:
        scores += _scores(name, "coco", coco[1], coco[0])
    overrides = "".join(f" {key}={value}" for key in ("start", "final") if (value := getattr(config, key)))
    card = {
        "counter": config.counter,
        "data": _trained_on(data) or best.card["data"],
        "chosen_on": _chosen_on(data),
        "backbone": _backbone(config),
        "command": command or f"counting train {config_name}{overrides}",
        "epoch": best.card["epoch"],
        "scored_on": f"{data.name}/test" + (f", coco/{coco[1]}" if coco else ""),
        "scores": [evaluation.to_json() for evaluation in scores],
    }
    write_json(path.with_suffix(".json"), card)
    return path


def _file(run: Path, name: str) -> Path:
    return run / "weights" / f"{name}.safetensors"


def _rounded(run: Path, name: str, precision: Precision, side: int | None) -> Checkpoint:
    """The best counter of the run as it will be shipped: rounded, and with photos of its side."""
    best = load(run / "weights" / "best.safetensors")
    config = best.config
    if side:
        config = config.model_copy(update={"cells": config.cells.model_copy(update={"side": side})})
    path = _file(run, name)
    scales = best.non_difficult_scales
    save(best.counter, config, path, best.card, best.calibration, precision=precision, non_difficult_scales=scales)
    return load(path)


def _backbone(config: Config) -> str:
    origin = f"from {config.start}" if config.start else "ImageNet"
    return f"{config.backbone.name}, {origin}, {'frozen' if config.backbone.frozen else 'fine-tuned'}"


def _calibrated(trained: Checkpoint, weights: Path) -> Checkpoint:
    config = trained.config
    val = load_split(config.data, config.data.val)
    truth = CountTable.from_scenes(val, Protocol.parse(config.data.protocol, val.family))
    difficult = without_difficult(val, Protocol.parse(config.data.protocol, val.family))
    return calibrate(weights, count_scenes(trained, val)[0], truth, difficult)


def _without_difficult(name: str, checkpoint: Checkpoint) -> NDArray[np.float64]:
    """The factors by which counts of the counter ``name`` are smaller without difficult objects, on its val."""
    other = find_counter(name)
    val = load_split(other.config.data, other.config.data.val)
    difficult = without_difficult(val, Protocol())
    if difficult is None:
        raise CountingError(f"{name}: no object of its validation split is difficult")
    counts = count_scenes(other, val)[0]
    ratios = fit_scales(counts, difficult) / fit_scales(counts, CountTable.from_scenes(val, Protocol()))
    scales = np.ones(len(checkpoint.counter.categories))
    for category, own in match_categories(other.counter.categories, checkpoint.counter.categories).items():
        scales[own] = ratios[category]
    return scales


def _trained_on(data: DataConfig) -> str:
    return ", ".join(f"{source.name}/{source.train}" for source in data.sources if source.train)


def _chosen_on(data: DataConfig) -> str:
    sources: list[SourceConfig | DataConfig] = [source for source in data.sources if source.val]
    return ", ".join(f"{source.name}/{source.val}" for source in sources or [data])


def _scores(name: str, data: str, split: str, root: Path | None) -> Iterator[Evaluation]:
    scenes = load_scenes(data, split, Place(root))
    checkpoint = find_counter(name)
    table, _ = count_scenes(checkpoint, scenes)
    for protocol_name in ("all", "non-difficult"):
        protocol = Protocol.parse(protocol_name, scenes.family)
        truth = CountTable.from_scenes(scenes, protocol)
        scaled = table.scaled(checkpoint.scales_under(protocol)).in_categories(truth.categories)
        yield evaluate(scaled, truth, counter=name, data=data, split=split, protocol=str(protocol))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("config")
    parser.add_argument("--precision", choices=("half", "int8"), default="half")
    parser.add_argument("--coco", nargs=2, metavar=("ROOT", "SPLIT"), help="a COCO split to score as well")
    parser.add_argument("--difficulty", metavar="COUNTER", help="take its scales without difficult objects")
    parser.add_argument("--side", type=int, help="the side of its photos, if smaller than in training")
    parser.add_argument("--command", help="the command that trained it, if not counting train")
    given = parser.parse_args()
    also = (Path(given.coco[0]), given.coco[1]) if given.coco else None
    asked = given.run, given.name, given.config, given.precision, also, given.difficulty, given.side, given.command
    print(ship(*asked))
