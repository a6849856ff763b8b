"""What training sees: every photo once an epoch, in another order and another view each time."""

from pathlib import Path

import numpy as np
import torch
from tiny import write_voc
from torch import Tensor

from counting.inputs.batches import EpochSampler, ViewDataset
from counting.inputs.grid import Grid
from counting.inputs.views import View, view_of
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene
from counting_datasets.voc import load_voc


def read(scene: Scene, number: int) -> tuple[Tensor, View]:
    return torch.tensor(number), view_of(scene, number, 48)[1]


def dataset(folder: Path, views: int, seed: int = 0) -> ViewDataset:
    scenes = load_voc(write_voc(folder / f"voc{views}{seed}"), "train", categories=None)
    return ViewDataset(scenes, read, Grid(2), Protocol(), views, seed)


def test_an_epoch_has_every_index_once_in_an_order_of_its_own() -> None:
    sampler, same = EpochSampler(50, seed=0), EpochSampler(50, seed=0)
    first = list(sampler)
    sampler.epoch = 1
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert first == list(same)
    assert first != list(EpochSampler(50, seed=1))


def test_a_photo_goes_through_all_its_views_from_a_start_of_its_own(tmp_path: Path) -> None:
    data = dataset(tmp_path, views=3)
    shown = []
    for data.epoch in range(6):
        shown.append([int(data[index].inputs) for index in range(len(data))])
    for numbers in np.array(shown).T:
        assert sorted(numbers[:3]) == [0, 1, 2]
        assert numbers[:3].tolist() == numbers[3:].tolist()
    assert set(shown[0]) == {0, 1, 2}


def test_one_view_is_the_photo_itself_and_its_cells_sum_to_its_counts(tmp_path: Path) -> None:
    data = dataset(tmp_path, views=1)
    for index, scene in enumerate(data.scenes):
        number, target, _ = data[index]
        assert number == 0
        assert target.shape == (4, 2)
        np.testing.assert_allclose(target.sum(dim=0), scene.counts(Protocol()), atol=1e-5)
