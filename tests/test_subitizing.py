"""glance-sos: a backbone that first learns to tell 0, 1, 2, 3 and 4+ objects apart, from folders of photos."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file
from tiny import tiny_backbone, tiny_config, write_voc

from counting.networks.backbones import fingerprint
from counting.networks.checkpoint import load
from counting.networks.config_sections import SubitizingConfig
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting.training.subitizing import CLASSES, learn_to_subitize
from counting_datasets.errors import CountingError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight photos a class: as many white squares on black as the class says."""
    random = np.random.default_rng(0)
    for squares, name in enumerate(CLASSES):
        (tmp_path / "sos" / name).mkdir(parents=True)
        for number in range(8):
            photo = Image.new("RGB", (48, 48))
            for x, y in random.integers(0, 40, size=(squares, 2)):
                ImageDraw.Draw(photo).rectangle((x, y, x + 8, y + 8), fill="white")
            photo.save(tmp_path / "sos" / name / f"{number}.png")
    return tmp_path / "sos"


def test_the_backbone_learns_once_and_its_weights_serve_again(folder: Path, tmp_path: Path) -> None:
    config = SubitizingConfig(folder=folder, side=48, epochs=2, batch=8, learning_rate=1e-3)
    kept = tmp_path / "subitizing.safetensors"
    first, again = tiny_backbone(), tiny_backbone()
    before = fingerprint(first)
    learn_to_subitize(first, config, 0, kept)
    assert fingerprint(first) != before
    written = kept.stat().st_mtime_ns
    learn_to_subitize(again, config, 0, kept)
    assert kept.stat().st_mtime_ns == written
    assert fingerprint(again) == fingerprint(first)


def test_a_counter_trains_on_it_and_its_file_holds_the_backbone(folder: Path, tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc")
    subitizing = {"folder": str(folder), "side": 48, "epochs": 1}
    config = tiny_config(
        root, counter="glance", backbone={"name": "tiny", "subitizing": subitizing}, optimization={"epochs": 2}
    )
    run = RunFolder(tmp_path / "run")
    counter = train_counter(config, run).counter
    restored = load(run.last).counter
    trained = load_file(run.path / "weights" / "subitizing.safetensors")
    for name, tensor in restored.cells.backbone.state_dict().items():
        assert torch.equal(tensor, trained[name]), name
    assert fingerprint(restored.cells.backbone) == fingerprint(counter.cells.backbone)


def test_a_missing_or_empty_class_is_named(folder: Path, tmp_path: Path) -> None:
    config = SubitizingConfig(folder=folder)
    for photo in (folder / "2").iterdir():
        photo.write_bytes(b"no photo")
    with pytest.raises(CountingError, match=r"/2: no readable photo in this folder"):
        learn_to_subitize(tiny_backbone(), config, 0, tmp_path / "kept")
    (folder / "4+").rename(folder / "many")
    with pytest.raises(CountingError, match="such folder"):
        learn_to_subitize(tiny_backbone(), SubitizingConfig(folder=tmp_path), 0, tmp_path / "kept")
