"""What is fitted on val after training, and final runs, which learn from val too and keep it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_config, write_voc
from tiny_training import assert_same_weights, mean_rmse, train

from counting.networks.checkpoint import load
from counting.networks.inference import count_scenes
from counting.stats.metrics import as_scored
from counting.tables.count_table import CountTable
from counting.training.calibration import PRIOR, calibrate, fit_scales
from counting.training.data import load_split, without_difficult
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("data") / "voc", train=32, val=16)


def test_rescaling_multiplies_the_counts_by_the_number_that_fits_val_best(root: Path, tmp_path: Path) -> None:
    plain = train(tiny_config(root), tmp_path / "plain")
    scaled = train(tiny_config(root, optimization={"rescale": True}), tmp_path / "scaled")
    for name, tensor in load(plain.last).counter.head.state_dict().items():
        assert torch.equal(tensor, load(scaled.last).counter.head.state_dict()[name])
    val = load_split(tiny_config(root).data, "val")
    true = val.counts(Protocol())
    raw, fitted = (count_scenes(load(run.last), val)[0].counts for run in (plain, scaled))
    factor = np.linalg.lstsq(raw.reshape(-1, 1), true.ravel(), rcond=None)[0][0]
    assert load(scaled.last).counter.scale.item() == pytest.approx(factor, rel=1e-4)
    assert fitted == pytest.approx(raw * factor, rel=1e-4)
    score = mean_rmse(as_scored(fitted), true)
    assert json.loads(scaled.metrics.read_text().splitlines()[-1])["val_mRMSE"] == pytest.approx(score)


def test_a_final_run_learns_from_val_too_and_keeps_scale_and_calibration(root: Path, tmp_path: Path) -> None:
    optimization = {"epochs": 4, "batch": 8, "views": 2, "rescale": True}
    settings = tiny_config(root, optimization=optimization)
    run = train(settings, tmp_path / "settled")
    val = load_split(settings.data, "val")
    truth = CountTable.from_scenes(val, Protocol.parse("all", "voc"))
    calibrated = calibrate(run.best, count_scenes(load(run.best), val)[0], truth)
    final = train(settings.model_copy(update={"final": str(run.path)}), tmp_path / "final")
    found = load(final.best)
    assert found.card == {"data": "voc/train+val", "epoch": 4, "val_mRMSE": None}
    assert found.counter.scale == calibrated.counter.scale != 1
    assert found.calibration is not None
    assert calibrated.calibration is not None
    assert torch.equal(found.calibration.weights, calibrated.calibration.weights)
    assert_same_weights(final.best, final.last)
    before, after = (
        (count_scenes(load(weights), val)[0].counts - truth.counts) for weights in (run.best, final.best)
    )
    assert (after**2).sum() < (before**2).sum()


def test_counts_without_difficult_objects_get_the_scale_that_fits_them(root: Path, tmp_path: Path) -> None:
    run = train(tiny_config(root), tmp_path / "run")
    val = load_split(tiny_config(root).data, "val")
    truth = CountTable.from_scenes(val, Protocol())
    found = calibrate(run.best, truth, truth, truth.scaled(np.full(len(truth.categories), 0.8)))
    np.testing.assert_allclose(found.scales_under(Protocol(non_difficult=True, non_empty=True)), 0.8)
    np.testing.assert_array_equal(
        load(run.best).scales_under(Protocol(non_difficult=True)), found.non_difficult_scales
    )
    np.testing.assert_array_equal(found.scales_under(Protocol(no_crowd=True)), 1)


def test_rare_categories_get_nearly_the_scale_of_all() -> None:
    categories = ("cat", "dog", "cow", "sofa")
    images = tuple(map(str, range(40)))
    predicted = CountTable(images, categories, np.tile([2.0, 2.0, 0.0, 2.0], (40, 1)))
    predicted.counts[1:, 1] = 0
    known = np.tile([True, True, True, False], (40, 1))
    truth = CountTable(images, categories, predicted.counts * [0.5, 1, 1, 1], known=known)
    cat, dog, cow, sofa = fit_scales(predicted, truth)
    overall = (160 * 0.5 + 4) / 164
    assert cat == pytest.approx((160 * 0.5 + PRIOR * overall) / (160 + PRIOR))
    assert dog == pytest.approx((4 + PRIOR * overall) / (4 + PRIOR))
    assert cow == pytest.approx(overall)
    assert sofa == 1


def test_only_photos_of_data_that_marks_difficult_objects_fit_the_scale_without_them(tmp_path: Path) -> None:
    def scene(path: str, difficult: list[bool]) -> Scene:
        objects = len(difficult)
        boxes, labels = np.tile([0.0, 0, 4, 4], (objects, 1)), np.zeros(objects, dtype=np.int64)
        return Scene(
            id=path,
            number=path,
            path=tmp_path / path,
            size=(8, 8),
            boxes=boxes,
            labels=labels,
            difficult=np.array(difficult, dtype=bool),
            crowd=np.zeros(objects, dtype=bool),
            categories=("cat",),
        )

    scenes = (scene("voc/1", [True, False]), scene("voc/2", [False]), scene("coco/1", [False, False]))
    mixture = SceneSet("mixture", "val", "voc", ("cat",), scenes)
    counts = without_difficult(mixture, Protocol())
    assert counts is not None
    assert dict(zip(counts.images, counts.counts[:, 0].tolist(), strict=True)) == {"voc/1": 1, "voc/2": 1}
    assert without_difficult(SceneSet("coco", "val", "coco", ("cat",), scenes[2:]), Protocol()) is None


def test_a_final_run_takes_the_settings_of_the_run_that_settled_them(root: Path, tmp_path: Path) -> None:
    run = train(tiny_config(root), tmp_path / "settled")
    other = tiny_config(root, head={"hidden": [8]}).model_copy(update={"final": str(run.path)})
    with pytest.raises(CountingError, match="was trained with other settings"):
        train(other, tmp_path / "final")


def test_a_final_run_may_go_on_from_a_counter_that_has_learned_from_val(root: Path, tmp_path: Path) -> None:
    start, other = (train(tiny_config(root, seed=seed), tmp_path / f"start {seed}") for seed in (0, 1))
    settings = tiny_config(root, start=str(start.path))
    run = train(settings, tmp_path / "settled")
    final = settings.model_copy(update={"final": str(run.path), "start": str(other.path)})
    assert load(train(final, tmp_path / "final").best).card["data"] == "voc/train+val"
