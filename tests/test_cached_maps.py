"""Training on cached maps: windows are views, runs resume bit for bit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from test_mixture import config_of
from tiny import write_voc

from counting.inputs.views import View
from counting.networks.checkpoint import build, load
from counting.networks.config import Config
from counting.training.data import load_data
from counting.training.trainer import hold_batch_norm
from counting_datasets.errors import CountingError
from recipes import cached_maps
from recipes.cached_maps import CachedTraining
from recipes.maps import Stages, Window


def settings(root: Path, **sections: object) -> Config:
    values = {
        "counter": "loc_sub",
        "backbone": {"name": "efficientnet_lite0_pyramid", "frozen": False, "frozen_stages": 3},
        "cells": {"grid": 2, "side": 64},
        "head": {"depth": 8, "hidden": 8, "heads": 2},
        "loss": {"centres": 1.0},
        "optimization": {"batch": 2},
    }
    return config_of({"name": "voc", "root": str(root)}, **{**values, **sections})


@pytest.fixture
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_maps, "ROUND", 2)
    monkeypatch.setattr(cached_maps, "VALIDATE", 1)
    monkeypatch.setattr(cached_maps, "READY", 4)
    monkeypatch.setattr(cached_maps, "GROWTH", 1)


def test_a_window_shows_the_objects_of_which_enough_is_in_it() -> None:
    boxes = np.array([[0, 0, 50, 50], [40, 40, 60, 60], [0, 40, 55, 60]], dtype=np.float64)
    whole = View(boxes / 100, np.arange(3))
    view = Window(left=4, top=4, side=4).view(whole, places=8)  # the lower right quarter
    assert view.kept.tolist() == []
    view = Window(left=2, top=2, side=4).view(whole, places=8)  # the middle
    assert view.kept.tolist() == [1, 2]
    np.testing.assert_allclose(view.boxes, [[0.3, 0.3, 0.7, 0.7], [0, 0.3, 0.6, 0.7]])


def test_a_map_is_computed_once_and_a_window_is_a_part_of_it(tmp_path: Path) -> None:
    config = settings(write_voc(tmp_path / "voc", train=4, val=2))
    data = load_data(config)
    training = CachedTraining(config, data, tmp_path / "run")
    (tmp_path / "run" / "maps").mkdir(parents=True)
    computed, stored = (training.maps.photo(data.train[0]).map for _ in range(2))
    assert stored.shape == (40, 8, 8)
    assert torch.equal(computed, stored)
    assert torch.equal(Window(left=2, top=0, side=2).of(stored), stored[:, :4, 4:])


@pytest.mark.usefixtures("short_rounds")
def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    config = settings(write_voc(tmp_path / "voc", train=4, val=2))
    data = load_data(config)
    CachedTraining(config, data, tmp_path / "once").run(rounds=2)
    for _ in range(2):
        CachedTraining(config, data, tmp_path / "twice").run(rounds=1)
    once, twice = (load(tmp_path / name / "weights" / "best.safetensors").counter for name in ("once", "twice"))
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), twice.parameters(), strict=True))
    assert once.categories == ("blue", "red")


def test_other_backbones_have_no_such_maps(tmp_path: Path) -> None:
    config = settings(write_voc(tmp_path / "voc", train=4, val=2), backbone={"name": "tiny", "frozen": False})
    with pytest.raises(CountingError, match="frozen_stages: 3"):
        CachedTraining(config, load_data(config), tmp_path / "run")


@torch.inference_mode()
def test_both_parts_together_are_the_counter(tmp_path: Path) -> None:
    counter = build(settings(tmp_path), ("blue", "red")).eval()
    stages, photos = Stages(counter).eval(), torch.randn(2, 3, 64, 64)
    output, logits = stages(stages.trunk(photos))
    features, maps = counter.cells.with_maps(photos)
    torch.testing.assert_close(logits, maps["centres"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(output, counter.head(features), atol=1e-4, rtol=1e-4)


def test_blocks_are_skipped_at_random_in_training_alone(tmp_path: Path) -> None:
    config = settings(write_voc(tmp_path / "voc", train=4, val=2))
    training = CachedTraining(config, load_data(config), tmp_path / "run")
    maps = training.stages.trunk(torch.randn(2, 3, 64, 64))
    training.stages.train()
    hold_batch_norm(training.stages)
    training.stages.counter.head.eval()  # no dropout
    first, second = (training.stages(maps)[0] for _ in range(2))
    assert not torch.equal(first, second)
    training.stages.eval()
    torch.testing.assert_close(training.stages(maps), training.average.eval()(maps))
