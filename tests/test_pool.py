"""The pool of views that training on cached maps draws from: random views, and mosaics of four photos."""

from pathlib import Path

import numpy as np
import pytest
import torch
from test_cached_maps import settings
from tiny import write_voc

from counting.training.data import load_data
from counting_datasets.scene import Scene
from recipes import cached_maps, fill_pool
from recipes.cached_maps import CachedTraining
from recipes.pool import Pool, put_together

MOSAICS = range(1, 40, 2)


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    scenes = list(load_data(settings(write_voc(tmp_path / "voc", train=8, val=2))).train)
    return Pool(scenes, np.full(len(scenes), 1 / len(scenes)), side=64)


def partly_known(scene: Scene) -> Scene:
    return scene.replaced(known=np.array([True, False]))


def test_even_numbers_are_views_of_a_photo_and_odd_ones_mosaics_of_four(pool: Pool) -> None:
    assert [len(pool.photos(number)) for number in range(4)] == [1, 4, 1, 4]
    for number in range(4):
        assert pool.draw(number)[0].size == (64, 64)


def test_a_number_is_always_the_same_view(pool: Pool) -> None:
    for number in (6, 7):
        (first, objects), (again, same) = pool.draw(number), pool.draw(number)
        assert first.tobytes() == again.tobytes()
        np.testing.assert_array_equal(objects.boxes, same.boxes)
    assert pool.draw(7)[0].tobytes() != pool.draw(9)[0].tobytes()


@pytest.mark.parametrize("number", MOSAICS)
def test_the_objects_of_a_mosaic_are_in_the_tile_of_their_photo(pool: Pool, number: int) -> None:
    photos = pool.photos(number)
    _, view = pool.draw(number)
    tile_of = np.repeat(np.arange(4), [len(photo.labels) for photo in photos])[view.kept]
    corner = np.column_stack([tile_of % 2, tile_of // 2]) / 2
    assert (view.boxes[:, :2] >= corner - 1e-9).all()
    assert (view.boxes[:, 2:] <= corner + 0.5 + 1e-9).all()
    assert put_together(photos).labels.tolist() == [label for photo in photos for label in photo.labels]


@pytest.mark.parametrize("number", MOSAICS)
def test_the_photos_of_a_mosaic_are_annotated_for_the_same_categories(pool: Pool, number: int) -> None:
    mixed = [partly_known(scene) if i % 2 else scene for i, scene in enumerate(pool.scenes)]
    photos = Pool(mixed, pool.shares, side=64).photos(number)
    assert len({photo.known is None for photo in photos}) == 1


def test_a_crowd_in_one_of_four_photos_leaves_the_count_of_all_uncertain(pool: Pool) -> None:
    photos = list(pool.scenes[:4])
    assert put_together(photos).certain_counts().all()
    photos[2] = photos[2].replaced(crowded=np.array([False, True]))
    assert put_together(photos).certain_counts().tolist() == [True, False]


def test_a_stored_view_is_the_view_that_was_drawn(tmp_path: Path) -> None:
    config = settings(write_voc(tmp_path / "voc", train=4, val=2))
    maps = CachedTraining(config, load_data(config), tmp_path / "run").maps
    drawn, stored = maps.view(3), maps.view(3)
    assert (tmp_path / "run" / "maps" / "pool" / "0" / "3.safetensors").is_file()
    assert torch.equal(drawn.map, stored.map)
    np.testing.assert_array_equal(drawn.view.boxes, stored.view.boxes)
    assert drawn.scene.id == stored.scene.id


def test_the_maps_of_one_part_of_the_pool_are_stored_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_maps, "READY", 4)
    monkeypatch.setattr(cached_maps, "GROWTH", 0)
    config = tmp_path / "config.yaml"
    config.write_text(settings(write_voc(tmp_path / "voc", train=4, val=2)).to_yaml(), encoding="utf-8")
    run = tmp_path / "run"
    command = ["fill_pool", str(config), str(run), "--part", "1", "--of", "2", "optimization.epochs=1"]
    monkeypatch.setattr("sys.argv", command)
    fill_pool.main()
    stored = sorted(path.stem for path in (run / "maps" / "pool").rglob("*.safetensors"))
    assert stored == ["1", "3"]
