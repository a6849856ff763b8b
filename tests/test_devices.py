"""Devices: those that are there serve, any other name is refused in one line; a counter moves as a whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_config, write_voc

from counting.cli import main
from counting.networks.checkpoint import Checkpoint, build
from counting.stats.count_distribution import Calibration
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting.utils.devices import available_devices, find_device
from counting_datasets.errors import CountingError


@pytest.mark.parametrize("name", available_devices())
def test_every_device_that_is_there_is_found(name: str) -> None:
    assert torch.zeros(2, device=find_device(name)).device == torch.device(name)
    assert find_device(torch.device(name)) == torch.device(name)


@pytest.mark.parametrize("name", ["foo", "", "meta", "cuda:99", "cpu:1", "CPU", "cuda:-1", "privateuseone"])
def test_any_other_is_refused_with_those_that_are_there(name: str) -> None:
    with pytest.raises(CountingError, match=r"device '.*' is not available here; use cpu") as refused:
        find_device(name)
    assert "\n" not in str(refused.value)


def test_training_refuses_a_device_that_is_not_there_before_anything_is_written(tmp_path: Path) -> None:
    config = tiny_config(write_voc(tmp_path / "voc"))
    for name in ("foo", "meta", "mps:7", "cuda:99"):
        with pytest.raises(CountingError, match=f"device '{name}' is not available here"):
            train_counter(config, RunFolder(tmp_path / "run"), device=name)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["meta", "foo"])
def test_predict_refuses_it_in_one_line(capfd: pytest.CaptureFixture[str], name: str) -> None:
    photo = Path(__file__).parents[1] / "docs" / "gallery" / "cat.jpg"
    assert main(["predict", str(photo), "--device", name]) == 2
    said = capfd.readouterr()
    assert f"device '{name}' is not available here; use cpu" in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


def test_a_checkpoint_moves_with_its_calibration(tmp_path: Path) -> None:
    config = tiny_config(tmp_path)
    checkpoint = Checkpoint(build(config, ("a", "b")), config, {}, Calibration(torch.zeros(2, 6), largest=20))
    moved = checkpoint.to(torch.device("meta"))
    assert moved.calibration is not None
    tensors = [*moved.counter.state_dict().values(), *moved.calibration.state_dict().values()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_a_calibration_computes_on_its_own_device_and_answers_in_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    calibration = Calibration(torch.zeros(2, 6), largest=20)
    seen: list[torch.device] = []
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: seen.append(tensor.device) or torch.zeros(1, 2, 21))
    found = calibration.to("meta").distribution(np.ones((1, 2)))
    assert [device.type for device in seen] == ["meta"]
    assert found.shape == (1, 2, 21)
