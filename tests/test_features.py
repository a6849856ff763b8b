"""The feature cache: computed once, keyed by all that features depend on, whole whatever happens."""

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny_cells, write_voc

from counting.inputs import augmentation
from counting.inputs.grid import Grid
from counting.networks import feature_cache
from counting.networks.backbones import build_backbone
from counting.networks.cells import Cells
from counting.networks.feature_cache import FeatureCache
from counting_datasets.errors import CountingError
from counting_datasets.scene import Scene
from counting_datasets.voc import load_voc


@pytest.fixture
def scenes(tmp_path: Path) -> Sequence[Scene]:
    return load_voc(write_voc(tmp_path / "voc", train=6, val=2), "train", categories=None)


def passes(cells: Cells) -> list[int]:
    """How many photos go through the backbone in each pass from now on."""
    sizes: list[int] = []
    cells.backbone.register_forward_hook(lambda module, inputs, output: sizes.append(len(inputs[0])))
    return sizes


def test_each_view_is_computed_once(tmp_path: Path, scenes: Sequence[Scene]) -> None:
    cells = tiny_cells()
    seen = passes(cells)
    cache = FeatureCache(cells, tmp_path)
    assert cache.fill(scenes, views=3) == {}
    assert sum(seen) == 18
    cache.fill(scenes, views=3)
    FeatureCache(cells, tmp_path).fill(scenes)
    assert sum(seen) == 18
    FeatureCache(cells, tmp_path).fill(scenes, views=4)
    assert sum(seen) == 24


def test_what_is_read_is_what_the_cells_give(tmp_path: Path, scenes: Sequence[Scene]) -> None:
    cells = tiny_cells().eval()
    cache = FeatureCache(cells, tmp_path)
    cache.fill(scenes, views=2)
    for scene in scenes:
        normalization = cells.backbone.normalization
        square = np.array(scene.image().resize((48, 48), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        for view, pixels in ((0, square), (1, square[:, :, ::-1].copy())):
            features, objects = cache.read(scene, view)
            with torch.inference_mode():
                expected = cells(normalization(torch.from_numpy(pixels)).unsqueeze(0))[0]
            torch.testing.assert_close(
                features, expected, atol=0.02, rtol=0.01
            )  # resized before or after mirroring
            assert len(objects.boxes) == len(scene.boxes)


def file_of(folder: Path, scene: Scene, cells: Cells | None = None, view: int = 0) -> Path:
    """The one new file that a scene's view leaves in the cache."""
    before = set(folder.rglob("*.safetensors"))
    cache = FeatureCache(cells or tiny_cells(), folder)
    cache.fill([scene], view + 1)
    (new,) = set(folder.rglob("*.safetensors")) - before
    return new


def test_the_key_is_all_that_features_depend_on(tmp_path: Path, scenes: Sequence[Scene]) -> None:
    scene = next(scene for scene in scenes if len(scene.boxes))
    other_weights = tiny_cells()
    with torch.no_grad():
        next(other_weights.backbone.parameters())[0] += 1
    files = {file_of(tmp_path, scene), file_of(tmp_path, scene, view=1)}
    for cells in (tiny_cells(grid=3), tiny_cells(side=56), tiny_cells(mode="crop"), other_weights):
        files.add(file_of(tmp_path, scene, cells))
    files.add(file_of(tmp_path, scene.replaced(boxes=scene.boxes + 1)))
    scene.path.write_bytes((scenes[0] if scene is not scenes[0] else scenes[1]).path.read_bytes())
    files.add(file_of(tmp_path, scene.replaced(size=Image.open(scene.path).size)))
    assert len(files) == 8


def test_the_key_has_the_versions_of_libraries_and_for_random_views_the_augmentation(
    tmp_path: Path, scenes: Sequence[Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scenes[0]
    plain, random = (FeatureCache(tiny_cells(), tmp_path)._path(scene, view) for view in (1, 2))
    with monkeypatch.context() as patch:
        patch.setattr(feature_cache, "version", lambda library: "another")
        assert FeatureCache(tiny_cells(), tmp_path).folder != plain.parent
    with monkeypatch.context() as patch:
        patch.setattr(augmentation, "SMALLEST_CROP", 0.5)
        augmentation.description.cache_clear()
        augmentation._transform.cache_clear()
        changed = FeatureCache(tiny_cells(), tmp_path)
        assert changed._path(scene, 1) == plain
        assert changed._path(scene, 2) != random
    augmentation.description.cache_clear()
    augmentation._transform.cache_clear()
    assert FeatureCache(tiny_cells(), tmp_path)._path(scene, 2) == random


def test_photos_of_one_name_in_two_splits_are_two_photos(tmp_path: Path, scenes: Sequence[Scene]) -> None:
    first, second = scenes[0], scenes[1].replaced(id=scenes[0].id)
    cache = FeatureCache(tiny_cells(), tmp_path)
    cache.fill([first])
    cache.fill([second])
    assert not torch.equal(cache.read(first, 0)[0], cache.read(second, 0)[0])


def test_broken_and_missing_photos_are_reported_and_the_others_computed(
    tmp_path: Path, scenes: Sequence[Scene]
) -> None:
    whole = scenes[1].path.read_bytes()
    scenes[1].path.write_bytes(whole[: len(whole) // 2])
    scenes[2].path.unlink()
    cache = FeatureCache(tiny_cells(), tmp_path)
    lost = cache.fill(scenes, views=2)
    assert set(lost) == {scenes[1].id, scenes[2].id}
    assert "not a readable image" in lost[scenes[1].id]
    assert "no such photo" in lost[scenes[2].id]
    for scene in scenes:
        if scene.id not in lost:
            cache.read(scene, 1)


def test_half_written_files_of_a_run_broken_off_do_no_harm(tmp_path: Path, scenes: Sequence[Scene]) -> None:
    cache = FeatureCache(tiny_cells(), tmp_path)
    cache.folder.mkdir(parents=True)
    (cache.folder / ".0123-abc.safetensors").write_bytes(b"half")
    assert cache.fill(scenes) == {}
    assert all(cache.read(scene, 0)[0].isfinite().all() for scene in scenes)


def test_features_do_not_depend_on_what_was_there_before(tmp_path: Path, scenes: Sequence[Scene]) -> None:
    cells = Cells(build_backbone("efficientnet_lite0", None), Grid(2), 96, "pool")
    broken_off, whole = (FeatureCache(cells, tmp_path / name) for name in ("broken off", "whole"))
    broken_off.fill(scenes[:1])
    for cache in (broken_off, whole):
        cache.fill(scenes, views=3)
    for scene in scenes:
        assert torch.equal(broken_off.read(scene, 1)[0], whole.read(scene, 1)[0])


def test_a_full_disk_is_an_error_in_one_line_and_leaves_whole_files(
    tmp_path: Path, scenes: Sequence[Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = 3
    write = Path.write_bytes

    def write_while_there_is_room(path: Path, content: bytes) -> int:
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room -= 1
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", write_while_there_is_room)
    cache = FeatureCache(tiny_cells(), tmp_path / "cache")
    with pytest.raises(CountingError, match=r"cannot write .*: No space left on device"):
        cache.fill(scenes)
    assert len(list(cache.folder.iterdir())) == 3
    monkeypatch.undo()
    assert cache.fill(scenes) == {}


def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, scenes: Sequence[Scene]) -> None:
    cache = FeatureCache(tiny_cells(), tmp_path)
    cache.fill(scenes)
    for file in cache.folder.glob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(
        CountingError, match=r"safetensors: corrupt feature file, delete it and run again"
    ) as refused:
        cache.read(scenes[0], 0)
    assert "\n" not in str(refused.value)


FILL = """
import sys
from pathlib import Path
from tiny import tiny_cells
from counting.networks.feature_cache import FeatureCache
from counting_datasets.voc import load_voc
scenes = load_voc(Path(sys.argv[1]), "train", categories=None)
assert FeatureCache(tiny_cells(), Path(sys.argv[2])).fill(scenes, 3) == {}
"""


def test_two_processes_at_once_leave_whole_and_equal_files(tmp_path: Path, scenes: Sequence[Scene]) -> None:
    root = scenes[0].path.parent.parent
    command = [sys.executable, "-c", FILL, root, tmp_path / "shared"]
    both = [subprocess.Popen(command, cwd=Path(__file__).parent) for _ in range(2)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    alone = FeatureCache(tiny_cells(), tmp_path / "alone")
    alone.fill(scenes, views=3)
    shared = FeatureCache(tiny_cells(), tmp_path / "shared")
    for scene in scenes:
        for view in range(3):
            assert torch.equal(shared.read(scene, view)[0], alone.read(scene, view)[0])
    assert len(list((tmp_path / "shared").rglob("*.*"))) == 18
