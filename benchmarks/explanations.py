"""Claim: on VOC 2007 the counters' maps point at what was counted, and the counts depend on their objects.

Like `counting evaluate COUNTER --explanations` for each counter, but counters with the same frozen backbone share
its passes, which are nearly all of the work. Prints a table per counter and writes the scores as JSON.

    python benchmarks/explanations.py voc2007-glance voc2007-aso-sub voc2007-seq-sub --split test --out scores.json
"""

import argparse
import json
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from counting.explain.map_evaluation import MapEvaluator
from counting.networks.backbones import Backbone, fingerprint
from counting.networks.zoo import find_counter
from counting.utils.progress import track
from counting_datasets.catalog import load


class SharedBackbone(Backbone):
    """Remembers the feature maps of a photo's variants for the next counter."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__(backbone.features, backbone.channels, backbone.normalization)
        self.seen: dict[bytes, tuple[Tensor, ...]] = {}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        key = images.numpy().tobytes()
        if key not in self.seen:
            with torch.inference_mode(False), torch.no_grad():
                self.seen[key] = super().forward(images.clone())
        return self.seen[key]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counters", nargs="+", metavar="COUNTER")
    parser.add_argument("--split", default="test")
    parser.add_argument("--photos", type=int, help="use only the first N photos (default: all)")
    parser.add_argument("--out", type=Path, help="a JSON file")
    arguments = parser.parse_args()
    backbones: dict[str, SharedBackbone] = {}
    evaluators = {}
    for name in arguments.counters:
        counter = find_counter(name, "cpu").counter
        shared = SharedBackbone(counter.cells.backbone)
        counter.cells.backbone = backbones.setdefault(fingerprint(shared), shared)
        evaluators[name] = MapEvaluator(counter)
    scenes = [scene for scene in load("voc2007", arguments.split) if scene.path.is_file()]
    for scene in track(scenes[: arguments.photos], "explaining"):
        for evaluator in evaluators.values():
            evaluator.add(scene)
        for shared in backbones.values():
            shared.seen.clear()
    console = Console()
    for name, evaluator in evaluators.items():
        console.print(evaluator.scores().to_table(f"{name} on voc2007 {arguments.split}"))
    if arguments.out:
        scores = {name: evaluator.scores().to_json() for name, evaluator in evaluators.items()}
        arguments.out.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
