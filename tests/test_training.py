"""Training: reproducible, on one process or several, and it teaches something."""

import json
import math
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import tiny_config, write_voc
from tiny_training import FINE_TUNED, HEAD, assert_same_weights, mean_rmse, train
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from counting.networks.cells import Cells
from counting.networks.checkpoint import load
from counting.networks.inference import count_scenes
from counting.stats.metrics import as_scored
from counting.training.data import load_split
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol

pytestmark = pytest.mark.usefixtures("own_cache")

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("data") / "voc", train=32, val=16)


@pytest.mark.parametrize("backbone", [HEAD, FINE_TUNED], ids=["head", "fine-tuned"])
def test_one_seed_gives_one_result_and_another_seed_another(
    root: Path, tmp_path: Path, backbone: dict[str, Any]
) -> None:
    config = tiny_config(root, backbone=backbone)
    one, again = train(config, tmp_path / "one"), train(config, tmp_path / "again")
    assert_same_weights(one.last, again.last)
    assert one.metrics.read_text() == again.metrics.read_text()
    other = train(tiny_config(root, backbone=backbone, seed=1), tmp_path / "other")
    assert other.metrics.read_text() != one.metrics.read_text()


def test_a_run_ends_when_it_has_not_improved_for_its_patience(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, optimization={"epochs": 50, "patience": 3, "learning_rate": 1e-9})
    run = train(config, tmp_path)
    assert len(run.metrics.read_text().splitlines()) == 1 + 3
    assert load(run.best).card["epoch"] == 1


def test_best_is_the_epoch_with_the_lowest_error_and_its_card_is_true(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, optimization={"epochs": 15, "learning_rate": 0.01})
    run = train(config, tmp_path)
    epochs = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    checkpoint = load(run.best)
    assert checkpoint.card["epoch"] == min(epochs, key=lambda epoch: (epoch["val_mRMSE"], epoch["epoch"]))["epoch"]
    assert checkpoint.card["data"] == "voc/train"
    val = load_split(config.data, "val")
    table, lost = count_scenes(checkpoint, val)
    assert not lost
    score = mean_rmse(as_scored(table.counts), val.counts(Protocol()))
    assert checkpoint.card["val_mRMSE"] == pytest.approx(score)


@pytest.mark.parametrize("backbone", [HEAD, FINE_TUNED], ids=["head", "fine-tuned"])
@pytest.mark.parametrize("limit", [0.01, 0.5])
def test_gradients_are_clipped(root: Path, tmp_path: Path, backbone: dict[str, Any], limit: float) -> None:
    norms: list[float] = []

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        gradients: list[Tensor] = [p.grad for group in optimizer.param_groups for p in group["params"]]
        norms.append(math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients)))

    handle = register_optimizer_step_pre_hook(note)
    try:
        train(tiny_config(root, backbone=backbone, optimization={"epochs": 2, "gradient_norm": limit}), tmp_path)
    finally:
        handle.remove()
    assert len(norms) == 8
    assert max(norms) == pytest.approx(limit, rel=1e-3)


def test_a_backbone_learns_at_its_share_of_the_rate(root: Path, tmp_path: Path) -> None:
    rates: list[list[float]] = []

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        rates.append([group["lr"] for group in optimizer.param_groups])

    handle = register_optimizer_step_pre_hook(note)
    try:
        train(tiny_config(root, backbone=FINE_TUNED, optimization={"backbone_rate": 0.25}), tmp_path)
    finally:
        handle.remove()
    assert len(rates) == 24
    assert all(backbone == pytest.approx(head / 4) for head, backbone in rates)
    assert max(head for head, _ in rates) == pytest.approx(1e-3, rel=0.01)


def test_validation_comes_when_it_is_due_and_after_the_last_epoch(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, optimization={"epochs": 5, "validate_every": 2})
    run = train(config, tmp_path)
    epochs = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs if epoch["val_mRMSE"] is not None] == [2, 4, 5]
    assert load(run.best).card["epoch"] in (2, 4, 5)


def test_a_run_goes_on_from_another_with_its_backbone_learning_too(root: Path, tmp_path: Path) -> None:
    head = train(tiny_config(root, optimization={"rescale": True}), tmp_path / "head")
    still = {"epochs": 1, "learning_rate": 1e-12}
    tuned = train(
        tiny_config(root, backbone=FINE_TUNED, start=str(head.path), optimization=still), tmp_path / "tuned"
    )
    before, after = load(head.best).counter.state_dict(), load(tuned.last).counter.state_dict()
    assert after.pop("scale") == 1 != before.pop("scale")
    for name in before:
        assert torch.allclose(before[name], after[name], atol=1e-6), name


def test_a_start_that_does_not_fit_is_an_error(root: Path, tmp_path: Path) -> None:
    start = str(train(tiny_config(root), tmp_path / "small").path)
    wider = tiny_config(root, start=start, head={"hidden": [32]})
    with pytest.raises(CountingError, match=r"start: the weights of .*small do not fit"):
        train(wider, tmp_path / "wider")
    with pytest.raises(CountingError, match=r"start: voc2007-aso-sub: none of its categories .*: aeroplane, "):
        train(tiny_config(root, start="voc2007-aso-sub"), tmp_path / "zoo")


def test_a_backbone_may_learn_on_smaller_photos_than_it_counts_in(root: Path, tmp_path: Path) -> None:
    sides: list[tuple[bool, int]] = []

    def note(module: Cells, images: tuple[Tensor]) -> None:
        sides.append((module.training, images[0].shape[-1]))

    with pytest.MonkeyPatch.context() as patch:
        initialize = Cells.__init__

        def watched(cells: Cells, *arguments: Any) -> None:
            initialize(cells, *arguments)
            cells.register_forward_pre_hook(note)

        patch.setattr(Cells, "__init__", watched)
        train(tiny_config(root, backbone=FINE_TUNED, optimization={"epochs": 1, "side": 32}), tmp_path)
    assert {side for training, side in sides if training} == {32}
    assert (False, 48) in sides


LOCATING: dict[str, Any] = {
    "counter": "loc_sub",
    "backbone": FINE_TUNED,
    "head": {"depth": 8, "hidden": 8, "heads": 2, "dropout": 0.1},
    "loss": {"centres": 1.0},
}


def test_bfloat16_trains_nearly_the_same_locating_counter(root: Path, tmp_path: Path) -> None:
    exact, rough = (
        [json.loads(line)["loss"] for line in train(config, tmp_path / name).metrics.read_text().splitlines()]
        for name, config in (
            ("exact", tiny_config(root, **LOCATING)),
            ("rough", tiny_config(root, **LOCATING, optimization={"bfloat16": True})),
        )
    )
    assert rough != exact
    assert rough == pytest.approx(exact, rel=0.05)


def test_validation_in_a_bfloat16_run_scores_what_evaluation_scores(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, **LOCATING, optimization={"bfloat16": True, "epochs": 2, "rescale": True})
    checkpoint = load(train(config, tmp_path).best)
    val = load_split(config.data, "val")
    score = mean_rmse(as_scored(count_scenes(checkpoint, val)[0].counts), val.counts(Protocol()))
    assert checkpoint.card["val_mRMSE"] == pytest.approx(score, abs=1e-9)


def test_any_number_of_workers_gives_the_same_weights(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, **LOCATING, optimization={"epochs": 2, "views": 4})
    alone = train(config, tmp_path / "alone")
    for workers in (1, 2):
        helped = RunFolder(tmp_path / f"{workers} workers")
        train_counter(config, helped, device="cpu", workers=workers)
        assert_same_weights(helped.last, alone.last)
        assert helped.metrics.read_text() == alone.metrics.read_text()


def test_a_photo_that_a_worker_cannot_read_is_named_in_one_line(tmp_path: Path) -> None:
    own = write_voc(tmp_path / "voc", train=8, val=4)
    (own / "JPEGImages" / "000003.jpg").write_bytes(b"no photo")
    config = tiny_config(own, backbone=FINE_TUNED)
    for workers in (0, 2):
        with pytest.raises(CountingError, match=r"000003.jpg: empty, or not an image") as refused:
            train_counter(config, RunFolder(tmp_path / "run"), device="cpu", workers=workers)
        assert "\n" not in str(refused.value)


def test_a_loss_that_is_no_number_is_an_error_that_says_what_to_do(root: Path, tmp_path: Path) -> None:
    bad = tiny_config(root, optimization={"learning_rate": 1e30})
    with pytest.raises(CountingError, match=r"epoch \d: the loss is (nan|inf), try a smaller .*learning_rate"):
        train(bad, tmp_path)


def test_batch_statistics_of_a_pretrained_backbone_stay(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, backbone=FINE_TUNED)
    weights = load_file(train(config, tmp_path).last)
    means = [tensor for name, tensor in weights.items() if name.endswith("running_mean")]
    assert means
    assert all((mean == 0).all() for mean in means)


@pytest.mark.parametrize("backbone", [HEAD, FINE_TUNED], ids=["head", "fine-tuned"])
def test_the_loss_falls_and_the_counter_beats_the_mean_of_each_category(
    root: Path, tmp_path: Path, backbone: dict[str, Any]
) -> None:
    options = {"epochs": 40, "patience": 40, "learning_rate": 0.02}
    config = tiny_config(root, backbone=backbone, head={"hidden": [32], "dropout": 0.0}, optimization=options)
    run = train(config, tmp_path)
    losses = [json.loads(line)["loss"] for line in run.metrics.read_text().splitlines()]
    assert losses[-1] < losses[0] / 2
    training, val = (load_split(config.data, split).counts(Protocol()) for split in ("train", "val"))
    of_the_mean = mean_rmse(np.broadcast_to(training.mean(axis=0), val.shape), val)
    assert load(run.best).card["val_mRMSE"] < 0.8 * of_the_mean


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def test_two_processes_train_one_counter_on_different_photos(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, optimization={"epochs": 3})
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    run = RunFolder(tmp_path / "run")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port()]
    command = [*map(str, launch), str(HERE / "learn_tiny.py"), str(tmp_path / "config.yaml"), str(run.path)]
    subprocess.run(command, check=True, timeout=300)
    ranks = [json.loads((run.path / f"rank{rank}.json").read_text()) for rank in range(2)]
    assert [rank["world"] for rank in ranks] == [2, 2]
    everything = {scene.id for scene in load_split(config.data, "train")}
    shares = []
    for epoch in range(3):
        one, other = ({photo for when, photo in rank["seen"] if when == epoch} for rank in ranks)
        assert len(one) == len(other) == 16
        assert one | other == everything
        shares.append(one)
    assert shares[0] != shares[1] != shares[2]
    assert_same_weights(run.path / "rank0.safetensors", run.path / "rank1.safetensors")
    trained, last = load_file(run.path / "rank0.safetensors"), load_file(run.last)
    assert all(torch.equal(trained[name], last[name]) for name in last)
