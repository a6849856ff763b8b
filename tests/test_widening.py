"""A trained counter learns new categories; those that it knew answer as before."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from test_mixture import config_of
from tiny import tiny_cells, write_voc

from counting.networks.checkpoint import Checkpoint, build, load, save
from counting.networks.config import Config
from counting.networks.counters import Counter
from counting.networks.locating import LocatedCells
from counting.networks.widening import category_axes, take_over
from counting.stats.count_distribution import Calibration
from counting.tables.count_table import CountTable
from counting.training.calibration import calibrate
from counting.training.data import load_data
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol

LOC_SUB = {
    "counter": "loc_sub",
    "backbone": {"name": "tiny", "frozen": False},
    "head": {"depth": 8, "hidden": 8, "heads": 2, "dropout": 0.0},
    "loss": {"centres": 1.0},
}
COUNTERS: dict[str, dict[str, Any]] = {
    "aso_sub": {},
    "glance": {"counter": "glance", "head": {"hidden": [8]}},
    "seq_sub": {"counter": "seq_sub", "head": {"hidden": 8, "recurrent": 4}},
    "att_sub": {"counter": "att_sub", "head": {"hidden": 8, "heads": 2}},
    "loc_sub": LOC_SUB,
    "committee": {"members": 2},
}
PHOTOS = torch.randn(4, 3, 48, 48, generator=torch.Generator().manual_seed(0))


def settings(kind: str) -> Config:
    return config_of({"name": "voc", "root": "nowhere"}, **COUNTERS[kind])


def built(config: Config, categories: Sequence[str], seed: int) -> Counter:
    torch.manual_seed(seed)
    return build(config, tuple(categories)).eval()


@pytest.mark.parametrize("kind", COUNTERS)
class TestTakingOver:
    def test_old_categories_count_as_before_under_their_new_place_and_name(self, kind: str) -> None:
        config = settings(kind)
        old, new = (
            built(config, ("sofa", "cup", "dog"), 0),
            built(config, ("new", "dog", "couch", "other", "cup"), 1),
        )
        take_over(new, config, Checkpoint(old, config, {}))
        torch.testing.assert_close(new(PHOTOS)[..., [2, 4, 1]], old(PHOTOS))

    def test_as_many_categories_may_be_others(self, kind: str) -> None:
        config = settings(kind)
        old, new = built(config, ("cat", "cup"), 0), built(config, ("cup", "dog"), 1)
        take_over(new, config, Checkpoint(old, config, {}))
        for name, (axis, places) in category_axes(new, config).items():
            ours, theirs = new.state_dict()[name], old.state_dict()[name]
            was = category_axes(old, config)[name][1]
            cup, cup_before = (torch.from_numpy(np.flatnonzero(p == k)) for p, k in ((places, 0), (was, 1)))
            torch.testing.assert_close(ours.index_select(axis, cup), theirs.index_select(axis, cup_before))

    def test_counters_without_a_common_category_have_nothing_to_take_over(self, kind: str) -> None:
        config = settings(kind)
        with pytest.raises(CountingError, match="none of its categories is to be counted: cat, cup"):
            take_over(built(config, ("dog",), 0), config, Checkpoint(built(config, ("cat", "cup"), 0), config, {}))


def test_counters_of_another_shape_do_not_fit() -> None:
    small, large = settings("aso_sub"), config_of({"name": "voc", "root": "nowhere"}, head={"hidden": [8]})
    with pytest.raises(CountingError, match="do not fit"):
        take_over(built(large, ("cat", "dog"), 0), large, Checkpoint(built(small, ("cat",), 0), small, {}))


def test_counts_as_classes_cannot_take_over_others() -> None:
    config = config_of({"name": "voc", "root": "nowhere"}, counter="gt_class", head={"hidden": [4], "largest": 3})
    with pytest.raises(CountingError, match="the categories of a trained gt_class cannot be changed"):
        take_over(built(config, ("cat", "dog"), 0), config, Checkpoint(built(config, ("cat",), 0), config, {}))


def test_a_layer_as_wide_as_the_categories_are_many_is_no_place_of_theirs() -> None:
    config = config_of({"name": "voc", "root": "nowhere"}, head={"hidden": [3, 3]})
    names = set(category_axes(built(config, ("a", "b", "c"), 0), config))
    assert names == {"head.9.weight", "head.9.bias"}


def test_located_cells_say_which_features_are_of_which_category() -> None:
    located = LocatedCells(tiny_cells(), 3, 8).eval()
    before = located(PHOTOS)
    with torch.no_grad():
        located.centres.bias[1] += 1
    changed = (located(PHOTOS) != before).any(dim=(0, 1))
    assert (located.feature_categories() == 1).tolist() == changed.tolist()


def write_green(root: Path) -> Path:
    """Photos of 0 to 3 green discs, in COCO's format; nothing else is annotated."""
    random = np.random.default_rng(5)
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    images, objects = [], []
    for number in range(50):
        photo = Image.new("RGB", (80, 80), (110, 120, 110))
        for x, y in random.integers(0, 64, size=(random.integers(0, 4), 2)).tolist():
            ImageDraw.Draw(photo).ellipse((x, y, x + 15, y + 15), fill=(40, 220, 60))
            objects.append({"id": len(objects), "image_id": number, "category_id": 1, "bbox": [x, y, 16, 16]})
        photo.save(root / "images" / f"{number}.jpg", quality=95)
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 80, "height": 80})
    for split, photos in (("train", images[:40]), ("val", images[40:])):
        ids = {photo["id"] for photo in photos}
        rows = [row for row in objects if row["image_id"] in ids]
        content = {"images": photos, "annotations": rows, "categories": [{"id": 1, "name": "green"}]}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return root


class TestNewCategories:
    """Green discs are added to a counter of blue and red rectangles, from photos of green discs alone."""

    @pytest.fixture
    def start(self, tmp_path: Path) -> RunFolder:
        run = RunFolder(tmp_path / "start")
        train_counter(config_of({"name": "voc", "root": str(write_voc(tmp_path / "voc"))}, **LOC_SUB), run)
        return run

    def widened(self, start: RunFolder, tmp_path: Path, **sections: Any) -> Config:
        green = {"name": "coco", "root": str(write_green(tmp_path / "green")), "train": "train", "val": "val"}
        data = {"sources": [green], "categories": ["blue", "red", "green"]}
        options = {"epochs": 12, "batch": 8, "views": 4, "learning_rate": 0.02}
        return config_of(data, **{**LOC_SUB, "start": str(start.path), "optimization": options, **sections})

    def test_they_are_learned_and_the_old_ones_answer_as_before(self, start: RunFolder, tmp_path: Path) -> None:
        run = RunFolder(tmp_path / "run")
        config = self.widened(start, tmp_path, keep=True)
        trained = train_counter(config, run, device="cpu")
        losses = [epoch["loss"] for epoch in trained.progress.history]
        assert losses[-1] < 0.8 * losses[0]  # type: ignore[operator]
        old, new = load(start.best).counter, load(run.best).counter
        assert new.categories == ("blue", "red", "green")
        torch.testing.assert_close(new(PHOTOS)[..., :2], old(PHOTOS)[..., :2])

    def test_their_calibration_is_kept(self, start: RunFolder, tmp_path: Path) -> None:
        run = RunFolder(tmp_path / "run")
        config = self.widened(start, tmp_path, keep=True)
        val = load_data(config).val
        assert val is not None
        train_counter(config, run, device="cpu")
        weights = torch.arange(12.0).reshape(2, 6) / 10
        of_start = load(start.best)
        save(of_start.counter, of_start.config, start.best, calibration=Calibration(weights, 30, 0.7))
        truth = CountTable.from_scenes(val, Protocol())
        calibrated = calibrate(run.best, truth, truth).calibration
        assert calibrated is not None
        torch.testing.assert_close(calibrated.weights[:2], weights)
        assert (calibrated.largest, calibrated.shown_from) == (30, 0.7)

    def test_without_new_categories_there_is_nothing_to_train(self, start: RunFolder, tmp_path: Path) -> None:
        voc = {"name": "voc", "root": str(tmp_path / "voc")}
        config = config_of(voc, **LOC_SUB, start=str(start.path), keep=True)
        with pytest.raises(CountingError, match="there is no new category"):
            train_counter(config, RunFolder(tmp_path / "run"), device="cpu")

    @pytest.mark.parametrize(
        "sections", [{"keep": True}, {"start": "a", "keep": True, "optimization": {"rescale": True}}]
    )
    def test_keep_is_for_a_start_whose_scale_stays(self, sections: dict[str, Any]) -> None:
        with pytest.raises(CountingError, match="keep requires a start"):
            config_of({"name": "voc", "root": "x"}, **sections)
