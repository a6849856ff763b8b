"""Folded counters: the same counts, from a faster network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import save_tiny_counter
from torch import Tensor, nn

import counting
from counting.networks.checkpoint import build, load
from counting.networks.config import parse_config
from counting.networks.counters import Counter
from counting.networks.folding import FoldedLite0, folded
from counting.networks.zoo import find_counter, zoo_names
from recipes.pin_counters import pictures


def on_lite0(mode: str = "pool", side: int = 96, members: int = 1) -> Counter:
    """A counter with random heads on the embedded backbone."""
    values: dict[str, Any] = {
        "counter": "aso_sub",
        "data": {"name": "voc2007"},
        "backbone": {"name": "efficientnet_lite0_pyramid"},
        "cells": {"grid": 2, "side": side, "mode": mode},
        "head": {"hidden": [16]},
        "members": members,
    }
    torch.manual_seed(0)
    return build(parse_config(values, "test"), ("cat", "dog")).eval()


def photos_for(counter: Counter) -> Tensor:
    side = counter.cells.side
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(96, 96), (97, 130), (65, 63)])
@torch.inference_mode()
def test_the_maps_are_exact_for_photos_of_even_and_odd_sides(size: tuple[int, int]) -> None:
    backbone = on_lite0().cells.backbone.double()
    images = torch.rand(2, 3, *size).double()
    true = backbone(images)
    backbone.features.model = FoldedLite0(backbone.features.model)
    for ours, theirs in zip(backbone(images), true, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", [{}, {"mode": "crop", "side": 128}, {"members": 2}], ids=str)
@torch.inference_mode()
def test_counts_are_the_same(options: dict[str, Any]) -> None:
    counter = on_lite0(**options)
    images = photos_for(counter)
    torch.testing.assert_close(folded(counter)(images), counter(images), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", zoo_names())
@torch.inference_mode()
def test_shipped_counters_count_the_same(name: str) -> None:
    counter = find_counter(name, "cpu").counter
    images = torch.stack([counter.preprocess(picture) for picture in pictures()])
    differences = (folded(counter).count(images) - counter.count(images)).abs().numpy()
    assert np.quantile(differences, 0.98) < 1e-4
    assert differences.max() < 5e-3  # where neighbouring places are equal, rounding decides how many are peaks


def test_the_counter_itself_stays_as_it_was() -> None:
    counter = on_lite0().train()
    before = {name: tensor.clone() for name, tensor in counter.state_dict().items()}
    digest = counter.cells.fingerprint()
    fast = folded(counter)
    assert counter.training
    assert not fast.training
    assert counter.cells.fingerprint() == digest
    assert all(torch.equal(tensor, before[name]) for name, tensor in counter.state_dict().items())
    counter(photos_for(counter)).sum().backward()
    assert all(weight.grad is not None for weight in counter.parameters())


def test_norms_are_gone_once_and_the_weights_of_heads_are_shared() -> None:
    counter = on_lite0(members=2)
    fast = folded(counter)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fast.modules())
    assert folded(fast) is fast
    heads = dict(counter.head.named_parameters())
    assert heads
    assert all(weight is heads[name] for name, weight in fast.head.named_parameters())


def test_a_counter_with_another_backbone_is_left_as_it_is(tmp_path: Path) -> None:
    counter = load(save_tiny_counter(tmp_path)).counter
    assert folded(counter) is counter


def test_any_layer_can_be_explained_after_photos_were_counted() -> None:
    predictor = counting.load("voc2007-glance", device="cpu")
    photo = np.zeros((32, 32, 3), dtype=np.uint8)
    predictor.count(photo)
    layers = dict(predictor.checkpoint.counter.named_modules())
    assert isinstance(layers["cells.backbone.features.model.blocks.0.0.bn1"], nn.BatchNorm2d)
    assert predictor.explain(photo, "cat").map.shape == (32, 32)
