"""Move a counter's backbone part of the way back to its pretrained weights, to start another training run from it.

python -m recipes.towards_pretrained everyday80 start.safetensors --share 0.5
"""

import argparse
from pathlib import Path

import torch

from counting.networks.checkpoint import build, save
from counting.networks.zoo import find_counter


def main() -> None:
    """Write a counter whose backbone's weights lie between its own and the pretrained ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("counter", help="a counter's name, run folder or file of weights")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--share", type=float, default=0.5, help="share of the way, from 0 to 1 (%(default)s)")
    asked = parser.parse_args()
    if not 0 <= asked.share <= 1:
        parser.error(f"--share must be from 0 to 1, not {asked.share}")
    found = find_counter(asked.counter, "cpu")
    weights = found.counter.cells.backbone.state_dict()
    pretrained = build(found.config, found.counter.categories).cells.backbone.state_dict()
    for name, weight in weights.items():
        if weight.is_floating_point():
            weight.copy_(torch.lerp(weight, pretrained[name].to(weight.dtype), asked.share))
    save(found.counter, found.config, asked.out, found.card)


if __name__ == "__main__":
    main()
