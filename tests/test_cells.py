"""Cells: one feature vector each, by pooling or by cropping."""

from typing import Any

import numpy as np
import pytest
import torch
from tiny import tiny_cells

from counting.networks.cells import cut, mean_and_max


@pytest.mark.parametrize("mode", ["pool", "crop"])
@pytest.mark.parametrize("grid", [1, 2, 3])
def test_one_vector_a_cell_in_either_mode(mode: Any, grid: int) -> None:
    cells = tiny_cells(grid, side=48, mode=mode).eval()
    features = cells(torch.randn(2, 3, 48, 48))
    assert features.shape == (2, grid**2, cells.width)
    assert cells.width == 16


def test_cut_puts_the_cells_row_by_row() -> None:
    photo = torch.arange(36).reshape(1, 1, 6, 6)
    cells = cut(torch.cat([photo, photo + 100]), 3)
    assert cells.shape == (18, 1, 2, 2)
    assert cells[:3, 0].tolist() == [[[0, 1], [6, 7]], [[2, 3], [8, 9]], [[4, 5], [10, 11]]]
    assert cells[3, 0].tolist() == [[12, 13], [18, 19]]
    assert torch.equal(cells[9:], cells[:9] + 100)


def test_crop_is_the_backbone_on_each_crop() -> None:
    cells = tiny_cells(3, side=48, mode="crop").eval()
    photos = torch.randn(2, 3, 48, 48)
    features = cells(photos)
    for row in range(3):
        for column in range(3):
            crop = photos[:, :, row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
            (maps,) = cells.backbone(crop)
            expected = torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)
            torch.testing.assert_close(features[:, row * 3 + column], expected)


def test_pool_is_the_mean_and_the_maximum_of_each_cell_of_each_map() -> None:
    random = np.random.default_rng(0)
    maps = [random.normal(size=(2, 4, 6, 6)), random.normal(size=(2, 5, 3, 3))]
    expected = np.zeros((2, 9, 18))
    for cell in range(9):
        row, column = divmod(cell, 3)
        vectors = []
        for of_map in maps:
            size = of_map.shape[2] // 3
            block = of_map[:, :, row * size : (row + 1) * size, column * size : (column + 1) * size]
            vectors += [block.mean(axis=(2, 3)), block.max(axis=(2, 3))]
        expected[:, cell] = np.concatenate(vectors, axis=1)
    found = mean_and_max([torch.from_numpy(of_map) for of_map in maps], 3)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


def test_a_place_between_two_cells_is_shared_in_their_means_and_in_both_maxima() -> None:
    ramp = torch.arange(5.0).expand(1, 1, 5, 5)
    found = mean_and_max([ramp], 2)
    torch.testing.assert_close(found[0, :, 0], torch.tensor([0.8, 3.2, 0.8, 3.2]))
    assert found[0, :, 1].tolist() == [2, 4, 2, 4]


@pytest.mark.parametrize(("places", "side"), [(5, 2), (7, 3), (2, 3), (15, 4)])
def test_the_means_of_cells_of_equal_size_average_to_the_mean_of_the_map(places: int, side: int) -> None:
    maps = torch.randn(2, 3, places, places)
    means = mean_and_max([maps], side)[:, :, :3]
    torch.testing.assert_close(means.mean(dim=1), maps.mean(dim=(2, 3)))
