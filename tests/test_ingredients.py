"""Short runs that each leave out an ingredient of a training run."""

from pathlib import Path

import numpy as np
import pytest
from test_cached_maps import settings
from tiny import write_voc

from counting.inputs.views import View
from counting.training.data import load_data
from counting_datasets.scene import Scene
from recipes import cached_maps, ingredients
from recipes.ingredients import EVERYTHING, RUNS, LeftOut, ShortTraining


@pytest.fixture
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_maps, "ROUND", 2)
    monkeypatch.setattr(cached_maps, "READY", 8)


def short_training(tmp_path: Path, left: LeftOut) -> ShortTraining:
    config = settings(write_voc(tmp_path / "voc", train=6, val=2))
    (tmp_path / "run" / "maps").mkdir(parents=True, exist_ok=True)
    return ShortTraining(config, load_data(config), tmp_path / "run", left, steps=2)


@pytest.mark.usefixtures("short_rounds")
@pytest.mark.parametrize(
    ("left", "numbers"),
    [
        (EVERYTHING, [0, 1, 2, 3, 4, 5, 6, 7]),
        (LeftOut("mosaics", mosaics=True), [0, 2, 4, 6]),
        (LeftOut("views and mosaics", views=True, mosaics=True), []),
    ],
)
def test_views_and_mosaics_are_left_out(tmp_path: Path, left: LeftOut, numbers: list[int]) -> None:
    assert short_training(tmp_path, left).numbers == numbers


@pytest.mark.usefixtures("short_rounds")
def test_photos_of_a_folder_are_left_out_of_views_too(tmp_path: Path) -> None:
    training = short_training(tmp_path, LeftOut("a photo", folders=("gone",)))
    gone = training.scenes[0]
    moved = gone.replaced(path=gone.path.parent / "gone" / gone.path.name)
    training.scenes[0] = moved
    assert training.pool.scenes[0] is moved
    assert training.shares[0] == 0
    assert training.shares.sum() == pytest.approx(1)
    assert all(moved.id not in {photo.id for photo in training.pool.photos(n)} for n in training.numbers)


@pytest.mark.usefixtures("short_rounds")
@pytest.mark.parametrize("left", RUNS, ids=[left.name for left in RUNS])
def test_every_run_trains_and_counts_the_validation_photos(tmp_path: Path, left: LeftOut) -> None:
    training = short_training(tmp_path, left)
    before = {name: weight.clone() for name, weight in training.stages.named_parameters()}
    training.train()
    changed = {name for name, weight in training.stages.named_parameters() if not weight.equal(before[name])}
    assert any("head" in name for name in changed)
    assert any(".blocks.4." in name for name in changed) != left.middle
    assert training.validation().counts.shape == (2, 2)


def test_without_the_teacher_only_annotated_objects_are_seen(tmp_path: Path) -> None:
    scene: Scene = short_training(tmp_path, EVERYTHING).scenes[0]
    objects = len(scene.labels)
    suspected = scene.replaced(suspected=np.where(np.arange(objects) == 0, 0.5, 1.0))
    view = View(scene.boxes, np.arange(objects))
    seen = ingredients.as_annotated(ingredients.Seen(suspected, view, map=None))
    assert seen.scene.suspected is None
    assert seen.view.kept.tolist() == list(range(1, objects))


@pytest.mark.usefixtures("short_rounds")
def test_counts_are_stored_and_the_table_compares_them_with_the_full_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(settings(write_voc(tmp_path / "voc", train=6, val=2)).to_yaml(), encoding="utf-8")
    (tmp_path / "run" / "maps").mkdir(parents=True)
    monkeypatch.setattr(ingredients, "RUNS", RUNS[:2])
    command = ["ingredients", str(config), str(tmp_path / "run"), str(tmp_path / "counts"), "--steps", "2"]
    monkeypatch.setattr("sys.argv", command)
    tables = []
    for _ in range(2):
        ingredients.main()
        tables.append(capsys.readouterr().out.splitlines())
    header, full, without_teacher = tables[0]
    assert tables[0] == tables[1]
    assert [path.name for path in sorted((tmp_path / "counts").iterdir())] == ["nothing.npy", "the-teacher.npy"]
    assert "+0.000 (+0.000 to +0.000)" in full
    assert without_teacher.startswith("| the teacher |")
    assert header.startswith("| left out |")
