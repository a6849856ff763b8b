"""Counters as files: what is read is what was written, and anything else is refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny import tiny_config

from counting.networks.checkpoint import build, load, save
from counting.networks.compact_weights import Precision
from counting.stats.count_distribution import Calibration
from counting_datasets.errors import CountingError

CATEGORIES = ("blue", "red")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A counter on a frozen backbone."""
    config = tiny_config(tmp_path)
    save(build(config, CATEGORIES), config, tmp_path / "counter.safetensors", {"val_mRMSE": 0.5})
    return tmp_path / "counter.safetensors"


@pytest.mark.parametrize("frozen", [True, False])
def test_a_counter_reads_back_as_it_was(tmp_path: Path, frozen: bool) -> None:
    config = tiny_config(tmp_path, backbone={"name": "tiny", "frozen": frozen})
    counter = build(config, CATEGORIES).eval()
    if not frozen:
        with torch.no_grad():
            next(counter.cells.parameters())[0] += 1
    save(counter, config, tmp_path / "counter.safetensors", {"val_mRMSE": 0.5})
    found = load(tmp_path / "counter.safetensors")
    photos = torch.randn(2, 3, 48, 48)
    assert torch.equal(found.counter(photos), counter(photos))
    assert found.counter.categories == CATEGORIES
    assert found.config == config
    assert found.card == {"val_mRMSE": 0.5}
    assert not found.counter.training


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize(
    ("precision", "kind", "share"), [("half", torch.float16, 0.55), ("int8", torch.int8, 0.4)]
)
def test_compact_weights_take_less_space_and_the_counter_is_what_the_file_holds(
    tmp_path: Path, frozen: bool, precision: Precision, kind: torch.dtype, share: float
) -> None:
    config = tiny_config(tmp_path, backbone={"name": "tiny", "frozen": frozen}, head={"hidden": [512]})
    counter = build(config, CATEGORIES).eval()
    whole, small = tmp_path / "whole.safetensors", tmp_path / "small.safetensors"
    photos = torch.randn(2, 3, 48, 48)
    before = counter(photos)
    save(counter, config, whole)
    save(counter, config, small, precision=precision)
    assert load_file(small)["head.1.weight"].dtype == kind
    assert small.stat().st_size < share * whole.stat().st_size
    assert torch.equal(load(small).counter(photos), counter(photos))
    torch.testing.assert_close(counter(photos), before, atol=0.02, rtol=0)


def test_a_frozen_backbones_own_weights_stay_out_of_the_file(file: Path) -> None:
    assert all(name.startswith(("head.", "scale")) for name in load_file(file))


def test_nothing_remains_when_writing_fails(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    with pytest.raises(TypeError):
        save(build(config, CATEGORIES), config, tmp_path / "counter.safetensors", {"score": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_calibration_reads_back_as_it_was(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    calibration = Calibration(torch.randn(2, 6), largest=31)
    save(build(config, CATEGORIES), config, tmp_path / "counter.safetensors", calibration=calibration)
    found = load(tmp_path / "counter.safetensors").calibration
    assert found is not None
    assert torch.equal(found.weights, calibration.weights)
    assert found.largest == 31


def with_calibration_of_three(file: Path) -> None:
    with safe_open(file, framework="pt") as stored:
        header = {**stored.metadata(), "largest": "20"}
    save_file({**load_file(file), "calibration.weights": torch.zeros(3, 6)}, file, header)


def rewrite(file: Path, **changed: str | None) -> None:
    """Change entries of the header; None takes one out."""
    with safe_open(file, framework="pt") as stored:
        header = {**stored.metadata(), **changed}
    save_file(load_file(file), file, {key: value for key, value in header.items() if value is not None})


def with_config(file: Path, **changed: Any) -> None:
    with safe_open(file, framework="pt") as stored:
        values = json.loads(stored.metadata()["config"])
    rewrite(file, config=json.dumps({**values, **changed}))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda file: file.unlink(), "no such weights file"),
    "cut short": (lambda file: file.write_bytes(file.read_bytes()[:-9]), "corrupt or truncated safetensors file"),
    "cut in the header": (
        lambda file: file.write_bytes(file.read_bytes()[:60]),
        "corrupt or truncated safetensors file",
    ),
    "empty": (lambda file: file.write_bytes(b""), "corrupt or truncated safetensors file"),
    "text": (lambda file: file.write_text("image,cat\n1,2\n"), "corrupt or truncated safetensors file"),
    "another program's": (lambda file: save_file({"w": torch.ones(2)}, file), "not a counter of this program"),
    "a later version": (lambda file: rewrite(file, format="everyday-counting/9"), "everyday-counting/9"),
    "no config": (lambda file: rewrite(file, config=None), "corrupt header"),
    "no card": (lambda file: rewrite(file, card=None), "corrupt header"),
    "no JSON": (lambda file: rewrite(file, categories="blue, red"), "corrupt header"),
    "more categories": (lambda file: rewrite(file, categories='["a", "b", "c"]'), "do not fit the aso_sub"),
    "another's calibration": (with_calibration_of_three, "its calibration does not fit its 2 categories"),
    "another head": (lambda file: with_config(file, head={"hidden": [16, 16]}), "do not fit"),
    "another counter": (lambda file: with_config(file, counter="glance"), "do not fit the glance"),
    "an unknown counter": (lambda file: with_config(file, counter="gaze"), "unknown counter 'gaze'"),
    "an unknown key": (lambda file: with_config(file, colour="red"), "unknown key 'colour'"),
    "another backbone": (
        lambda file: rewrite(file, backbone="0123456789abcdef"),
        "its weights of tiny differ",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_anything_else_is_refused_in_one_line(file: Path, damage: str) -> None:
    inflict, says = DAMAGE[damage]
    inflict(file)
    with pytest.raises(CountingError, match=says) as refused:
        load(file)
    assert "\n" not in str(refused.value)
