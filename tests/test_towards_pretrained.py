"""A counter whose backbone is moved back towards its pretrained weights."""

from pathlib import Path

import pytest
import torch
from test_cached_maps import settings

from counting.networks.checkpoint import build, load, save
from recipes import towards_pretrained


def test_the_backbone_lies_between_its_own_and_the_pretrained_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings(tmp_path)
    counter = build(config, ("blue", "red"))
    pretrained = {name: weight.clone() for name, weight in counter.cells.backbone.state_dict().items()}
    with torch.no_grad():
        for weight in counter.parameters():
            weight += 0.25
    save(counter, config, tmp_path / "counter.safetensors", {})
    command = ["towards_pretrained", str(tmp_path / "counter.safetensors"), str(tmp_path / "start.safetensors")]
    monkeypatch.setattr("sys.argv", [*command, "--share", "0.2"])
    towards_pretrained.main()
    moved = load(tmp_path / "start.safetensors").counter
    for name, weight in moved.cells.backbone.named_parameters():
        torch.testing.assert_close(weight, pretrained[name] + 0.2)
    for own, kept in zip(counter.head.parameters(), moved.head.parameters(), strict=True):
        torch.testing.assert_close(own, kept)
