"""Training on several data sets whose category lists differ."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import tiny_config, write_voc

from counting.inputs.batches import EpochSampler
from counting.networks.config import Config, parse_config
from counting.training.data import load_data, load_split
from counting.training.mixture import common_categories, sampling_rates
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene

ALL = Protocol()


def write_coco(root: Path, voc: Path) -> Path:
    """The training photos of a VOC folder again, in COCO's format: red boxes only, and none of a new category."""
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    images, objects = [], []
    for number, scene in enumerate(load_split(tiny_config(voc).data, "train")):
        (root / "images" / scene.path.name).write_bytes(scene.path.read_bytes())
        width, height = scene.size
        images.append({"id": number, "file_name": scene.path.name, "width": width, "height": height})
        for (x0, y0, x1, y1), label in zip(scene.boxes.tolist(), scene.labels, strict=True):
            if scene.categories[label] == "red":
                box = [x0, y0, x1 - x0, y1 - y0]
                objects.append({"id": len(objects), "image_id": number, "category_id": 7, "bbox": box})
    categories = [{"id": 7, "name": "Red"}, {"id": 9, "name": "green"}]
    content = {"images": images, "annotations": objects, "categories": categories}
    (root / "annotations" / "instances_photos.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def sources(tmp_path: Path) -> list[dict[str, Any]]:
    voc = write_voc(tmp_path / "voc")
    coco = write_coco(tmp_path / "coco", voc)
    return [
        {"name": "voc", "root": str(voc), "train": "train", "val": "val"},
        {"name": "coco", "root": str(coco), "train": "photos", "weight": 2},
    ]


def config_of(data: Any, **sections: Any) -> Config:
    values = {
        "counter": "aso_sub",
        "backbone": {"name": "tiny"},
        "cells": {"grid": 2, "side": 48},
        "head": {"hidden": [16], "dropout": 0.0},
        "optimization": {"epochs": 3, "batch": 8, "views": 3},
        "data": data,
    }
    return parse_config({**values, **sections}, "mixed.yaml")


class TestSources:
    def test_categories_are_shared_by_name_and_the_others_are_unknown(self, sources: list[dict[str, Any]]) -> None:
        data = load_data(config_of(sources))
        assert data.val is not None
        assert data.train.categories == data.val.categories == ("blue", "red", "green")
        assert [len(data.train), len(data.val)] == [24 + 24, 12]
        known, counts = data.train.known_counts(ALL), data.train.counts(ALL)
        assert known[:24].all(axis=0).tolist() == [True, True, False]
        assert known[24:].all(axis=0).tolist() == [False, True, True]
        np.testing.assert_array_equal(counts[:24, 1], counts[24:, 1])

    def test_only_the_named_categories_are_counted(self, sources: list[dict[str, Any]]) -> None:
        data = load_data(config_of({"sources": sources, "categories": ["green", "red"]}))
        assert data.train.categories == ("green", "red")
        assert data.train.known_counts(ALL)[:24].any(axis=0).tolist() == [False, True]

    def test_photos_of_the_same_name_stay_apart(self, sources: list[dict[str, Any]]) -> None:
        ids = [scene.id for scene in load_data(config_of(sources)).train]
        assert len(set(ids)) == 48
        assert ids[0].startswith("voc/")
        assert ids[-1].startswith("coco/")

    def test_a_final_run_is_trained_on_all_splits(self, sources: list[dict[str, Any]]) -> None:
        data = load_data(config_of(sources, final="runs/before"))
        assert data.val is None
        assert len(data.train) == 24 + 24 + 12

    def test_a_counter_is_trained_on_both(self, sources: list[dict[str, Any]], tmp_path: Path) -> None:
        config = config_of({"sources": sources, "rare": 0.5})
        trained = train_counter(config, RunFolder(tmp_path / "run"), device="cpu")
        assert trained.counter.categories == ("blue", "red", "green")
        losses = [epoch["loss"] for epoch in trained.progress.history]
        assert losses[-1] < losses[0]  # type: ignore[operator]
        assert np.isfinite(trained.progress.best)

    def test_paths_may_name_the_environment(
        self, sources: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HERE", str(tmp_path))
        sources[0]["root"] = "$HERE/voc"
        assert len(load_data(config_of(sources)).train) == 48


def test_common_categories_keep_the_first_order_and_names() -> None:
    lists = (("person", "couch", "tv"), ("aeroplane", "sofa", "tvmonitor"), ("airplane", "cup"))
    assert common_categories(lists) == ("person", "couch", "tv", "aeroplane", "cup")


BOTH = {"name": "voc2007", "train": "train", "val": "val"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"name": "coco", "sources": [BOTH]}, "name: give this for each of the sources instead"),
        ([{"name": "voc2007", "train": "train"}], "no source has a val split"),
        ([{"name": "voc2007", "val": "val"}], "no source has a train split"),
        ([{**BOTH, "weight": 0}], "sources.0.weight"),
        ([{**BOTH, "protocol": "all"}], "sources.0: unknown key"),
        ([{**BOTH, "wieght": 2}], "did you mean 'weight'"),
        ([{"train": "train", "val": "val"}], "sources.0.name"),
    ],
)
def test_sources_that_contradict_themselves_are_refused(data: Any, says: str) -> None:
    with pytest.raises(CountingError, match=says):
        config_of(data)


class TestSampling:
    def scene(self, *labels: int, known: list[bool] | None = None) -> Scene:
        flags = np.zeros(len(labels), dtype=bool)
        boxes = np.tile([0.0, 0, 1, 1], (len(labels), 1))
        annotated = None if known is None else np.array(known)
        of_labels = np.array(labels, dtype=np.int64)
        return Scene("x", "x", Path("x"), (9, 9), boxes, of_labels, flags, flags, ("a", "b"), known=annotated)

    def test_photos_of_rare_categories_are_shown_more_often(self) -> None:
        scenes = [self.scene(0), self.scene(0), self.scene(0), self.scene(0, 1)]
        rates = sampling_rates(scenes, np.ones(4), rare=0.999)
        assert rates == pytest.approx(np.array([1, 1, 1, 2]) * 4 / 5, rel=1e-3)  # sqrt(1 / (1/4)) = 2

    def test_a_category_is_rare_among_the_photos_that_were_annotated_for_it(self) -> None:
        scenes = [self.scene(0, known=[True, False]) for _ in range(8)] + [self.scene(1), self.scene(1)]
        assert sampling_rates(scenes, np.ones(10), rare=0.5) == pytest.approx(np.ones(10))

    def test_weights_multiply(self) -> None:
        rates = sampling_rates([self.scene(0), self.scene()], np.array([3.0, 1.0]), rare=0)
        assert rates == pytest.approx([1.5, 0.5])

    def test_an_epoch_shows_each_photo_as_often_as_its_rate_rounded_up_or_down(self) -> None:
        rates = np.array([0.25, 0.5, 1.0, 1.75, 1.5])
        sampler = EpochSampler(5, 0, rates)
        shown: Counter[int] = Counter()
        for epoch in range(400):
            sampler.epoch = epoch
            drawn = list(sampler)
            assert len(drawn) == len(set(drawn)) == 5
            times = Counter(index % 5 for index in drawn)
            assert all(np.floor(rates[i]) <= times[i] <= np.ceil(rates[i]) for i in range(5))
            shown += times
        assert np.array([shown[i] / 400 for i in range(5)]) == pytest.approx(rates, abs=0.08)

    def test_equal_rates_show_every_photo_once(self) -> None:
        assert sorted(EpochSampler(50, 0, np.ones(50))) == list(range(50))

    def test_a_photo_that_is_shown_again_shows_its_next_view(self) -> None:
        drawn = sorted(EpochSampler(4, 0, np.array([3.0, 0.5, 0.25, 0.25])))
        assert {index for index in drawn if index % 4 == 0} == {0, 4, 8}
