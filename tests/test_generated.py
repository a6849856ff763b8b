"""Generated scenes: always the same, truthfully annotated, readable as VOC."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counting_datasets.errors import DataError
from counting_datasets.generated import GENERATED_CATEGORIES, draw_scene, write_scenes
from counting_datasets.generated.composition import Thing, paint
from counting_datasets.generated.objects import DRAWERS
from counting_datasets.protocol import Protocol
from counting_datasets.voc import load_voc

RED, BLUE = (220, 30, 30), (30, 30, 220)


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, train=12, val=5, test=8, seed=3, progress=False)
    return folder


def test_the_same_seed_draws_the_same_bytes(root: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path, train=12, val=5, test=8, seed=3, progress=False)
    assert _files(tmp_path) == _files(root)


def test_a_scene_depends_on_its_number_and_seed_alone(root: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path, train=2, val=0, test=1, seed=3, progress=False)
    for name in ("000001", "000003"):
        photo = f"JPEGImages/{name}.jpg"
        assert (tmp_path / photo).read_bytes() == (root / photo).read_bytes()
    other = draw_scene(0, seed=4).image
    assert np.abs(np.asarray(other, dtype=int) - np.asarray(draw_scene(0, seed=3).image)).mean() > 5


def test_files_that_are_right_are_left_alone_and_others_are_mended(root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    spoilt = root / "JPEGImages" / "000002.jpg"
    whole = spoilt.read_bytes()
    spoilt.write_bytes(whole[:100])
    write_scenes(root, train=12, val=5, test=8, seed=3, progress=False)
    assert spoilt.read_bytes() == whole
    after = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    assert before.keys() == after.keys()
    assert {path for path in before if before[path] != after[path]} == {spoilt}


def test_the_voc_loader_reads_back_what_was_drawn(root: Path) -> None:
    first = 0
    for split, number in (("train", 12), ("val", 5), ("test", 8)):
        scenes = load_voc(root, split, categories=GENERATED_CATEGORIES)
        assert len(scenes) == number
        for index, scene in enumerate(scenes, start=first):
            drawn = draw_scene(index, seed=3)
            assert [GENERATED_CATEGORIES[label] for label in scene.labels] == [o.category for o in drawn.objects]
            np.testing.assert_array_equal(scene.boxes, np.array([o.box for o in drawn.objects]).reshape(-1, 4))
            np.testing.assert_array_equal(scene.difficult, [o.difficult for o in drawn.objects])
            error = np.asarray(scene.image(), dtype=float) - np.asarray(drawn.image)
            assert math.sqrt((error**2).mean()) < 6  # what JPEG loses
        first += number
    both = [scene.id for split in ("train", "val") for scene in load_voc(root, split)]
    assert [scene.id for scene in load_voc(root, "trainval")] == both


def test_boxes_are_tight_around_what_is_seen() -> None:
    for index in range(15):
        objects = draw_scene(index).objects
        seen = np.zeros((240, 320), dtype=int)
        for thing in objects:
            rows, columns = np.nonzero(thing.mask)
            assert thing.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            seen += thing.mask
        assert seen.max(initial=0) <= 1


def _square(category: str | None, color: tuple[int, int, int], left: int, foot: int, wide: int = 40) -> Thing:
    return Thing(category, Image.new("RGBA", (wide, 40), (*color, 255)), left, foot)


@pytest.mark.parametrize(
    ("hidden", "annotated", "difficult"),
    [(0, True, False), (18, True, False), (24, True, True), (28, False, False)],
)
@pytest.mark.parametrize("clutter", [False, True])
def test_what_hides_behind_others(hidden: int, annotated: bool, difficult: bool, clutter: bool) -> None:
    """``hidden`` of an object's 40 columns are covered: from half on it is difficult, from 65 % on left out."""
    behind = _square("chair", RED, 100, 120)
    before = _square(None if clutter else "person", BLUE, 140 - hidden, 120)
    scene = paint(np.random.default_rng(0), Image.new("RGB", (320, 240), "white"), [behind, before])
    chairs = [thing for thing in scene.objects if thing.category == "chair"]
    assert len(chairs) == annotated
    assert len(scene.objects) == annotated + (not clutter)
    for chair in chairs:
        assert chair.difficult == difficult
        assert not chair.truncated
        assert chair.visible == 1 - hidden / 40
        assert chair.box == (100, 80, 140 - hidden, 120)
        colors = np.asarray(scene.image)[chair.mask]
        assert (colors[:, 0] > colors[:, 2] + 50).all()


def test_what_leaves_the_image_is_truncated() -> None:
    scene = paint(np.random.default_rng(0), Image.new("RGB", (320, 240), "white"), [_square("car", RED, -10, 250)])
    (car,) = scene.objects
    assert car.truncated
    assert car.visible == (30 * 30) / (40 * 40)
    assert car.box == (0, 210, 30, 240)


@pytest.mark.parametrize("category", GENERATED_CATEGORIES)
def test_things_stand_on_the_ground_and_are_drawn_whole(category: str) -> None:
    for seed in range(40):
        solid = np.asarray(DRAWERS[category](np.random.default_rng(seed), 90))[..., 3] >= 128
        assert solid[-4:].any()
        assert not solid[0].any()
        assert not solid[:, 0].any()
        assert not solid[:, -1].any()


def test_counts_are_sparse_and_long_tailed() -> None:
    scenes = [[thing.category for thing in draw_scene(index).objects] for index in range(150)]
    counts = np.array([[things.count(name) for name in GENERATED_CATEGORIES] for things in scenes])
    assert 0.65 < (counts == 0).mean() < 0.85
    assert (counts.sum(axis=1) == 0).mean() < 0.08
    ones, twos, many = (counts == 1).sum(), (counts == 2).sum(), (counts > 4).sum()
    assert ones > twos > many > 0
    assert counts.max() <= 8
    assert (counts.sum(axis=0) > 20).all()


def test_size_and_categories_are_as_asked(tmp_path: Path) -> None:
    write_scenes(tmp_path, train=8, val=0, test=0, size=(200, 160), categories=("sheep", "car"), progress=False)
    scenes = load_voc(tmp_path, "train", categories=("sheep", "car"))
    assert {scene.image().size for scene in scenes} == {(200, 160)}
    assert scenes.counts(Protocol()).sum() > 0


def test_bad_requests(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot draw unicorn"):
        draw_scene(0, categories=("car", "unicorn"))
    with pytest.raises(DataError, match="too small"):
        draw_scene(0, size=(320, 20))
    with pytest.raises(DataError, match="negative"):
        write_scenes(tmp_path, train=-1, val=0, test=0)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write"):
        write_scenes(tmp_path / "file", train=1, val=0, test=0, progress=False)
