"""Training: reproducible, resumable, on one process or several, and it teaches something."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny import tiny_config, write_voc
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from counting.networks.cells import Cells
from counting.networks.checkpoint import load
from counting.networks.config import Config
from counting.networks.inference import count_scenes
from counting.stats.metrics import as_scored, mean_over_categories, rmse
from counting.tables.count_table import CountTable
from counting.training.calibration import PRIOR, calibrate, fit_scales
from counting.training.data import load_split, without_difficult
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting.training.trainer import Trainer
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("data") / "voc", train=32, val=16)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTING_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


HEAD = {"name": "tiny"}
FINE_TUNED = {"name": "tiny", "frozen": False}


def train(config: Config, folder: Path, *, resume: bool = False) -> RunFolder:
    run = RunFolder(folder)
    train_counter(config, run, resume=resume, device="cpu")
    return run


def assert_same_weights(one: Path, other: Path) -> None:
    """Bit by bit."""
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def mean_rmse(predicted: Any, true: Any) -> float:
    return float(mean_over_categories(rmse(predicted, true)))


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


def interrupt_at(call: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, stopped by Ctrl-C when it is called for the ``call``-th time."""
    calls = iter(range(1, 10_000))

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == call:
            raise KeyboardInterrupt
        return function(*args, **kwargs)

    return interrupted


@pytest.mark.parametrize("backbone", [HEAD, FINE_TUNED], ids=["head", "fine-tuned"])
@pytest.mark.parametrize(
    ("owner", "function", "call"),
    [(Trainer, "step", 10), (Trainer, "validate", 3), (RunFolder, "log", 3), (RunFolder, "save_state", 3)],
    ids=["within epoch 3", "before its score", "with its weights written", "before its state"],
)
def test_a_run_broken_off_and_resumed_ends_as_if_it_had_not_been(
    root: Path, tmp_path: Path, backbone: dict[str, Any], owner: type, function: str, call: int
) -> None:
    config = tiny_config(root, backbone=backbone)
    whole = train(config, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, function, interrupt_at(call, getattr(owner, function)))
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "broken")
    assert len((tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()) in (2, 3)
    resumed = train(config, tmp_path / "broken", resume=True)
    assert_same_weights(resumed.last, whole.last)
    assert_same_weights(resumed.best, whole.best)
    assert resumed.metrics.read_text() == whole.metrics.read_text()


def killed_at(write: int, training: Callable[[], object]) -> bool:
    """Run ``training`` in a process of its own that dies before its ``write``-th file appears; whether it died."""
    child = os.fork()
    if child == 0:
        replace, writes = Path.replace, iter(range(1, 10_000))

        def replace_or_die(file: Path, target: Path) -> Path:
            if next(writes) == write:
                os.kill(os.getpid(), signal.SIGKILL)
            return replace(file, target)

        Path.replace = replace_or_die  # type: ignore[assignment, method-assign]
        try:
            training()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("backbone", [HEAD, FINE_TUNED], ids=["head", "fine-tuned"])
def test_a_run_killed_at_any_of_its_writes_can_be_resumed_or_else_started(
    root: Path, tmp_path: Path, backbone: dict[str, Any]
) -> None:
    config = tiny_config(root, backbone=backbone, optimization={"epochs": 2})
    whole = train(config, tmp_path / "whole")
    for write in count(1):
        run = RunFolder(tmp_path / f"killed at {write}")
        if not killed_at(write, partial(train, config, run.path)):
            break
        resumable = run.state.exists()
        with pytest.raises(CountingError, match="a run already" if resumable else "no run to resume"):
            train(config, run.path, resume=not resumable)
        train(config, run.path, resume=resumable)
        assert_same_weights(run.last, whole.last)
        assert_same_weights(run.best, whole.best)
        assert run.metrics.read_text() == whole.metrics.read_text()
        assert {file.name for file in run.path.rglob("*")} == {file.name for file in whole.path.rglob("*")}
    assert write > 9  # config.yaml, environment.json, and in two epochs weights, metrics and state


def test_a_run_started_again_keeps_no_weights_of_an_earlier_attempt(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, optimization={"epochs": 1})
    assert killed_at(6, lambda: train(config, tmp_path))
    run = RunFolder(tmp_path)
    assert run.best.exists()
    other = tiny_config(root, optimization={"epochs": 3, "validate_every": 3})
    assert killed_at(3, lambda: train(other, tmp_path))
    assert not run.best.exists()


def test_a_killed_process_is_resumed_from_its_last_whole_epoch(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, optimization={"epochs": 100, "patience": 100})
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    whole = train(config, tmp_path / "whole")
    broken = RunFolder(tmp_path / "broken")
    process = subprocess.Popen([sys.executable, HERE / "learn_tiny.py", tmp_path / "config.yaml", broken.path])
    while process.poll() is None and not broken.state.exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(broken.metrics.read_text().splitlines()) < 100
    train(config, broken.path, resume=True)
    assert_same_weights(broken.last, whole.last)
    assert_same_weights(broken.best, whole.best)


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


def test_the_scale_survives_a_break_between_two_validations(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root, optimization={"epochs": 5, "rescale": True, "validate_every": 3})
    whole = train(config, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", interrupt_at(14, Trainer.step))
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "broken")
    resumed = train(config, tmp_path / "broken", resume=True)
    assert_same_weights(resumed.last, whole.last)
    assert_same_weights(resumed.best, whole.best)


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


def test_a_run_that_ended_before_its_first_epoch_can_start_again(root: Path, tmp_path: Path) -> None:
    config = tiny_config(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", interrupt_at(2, Trainer.step))
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path)
    with pytest.raises(CountingError, match="there is no run to resume, start it without --resume"):
        train(config, tmp_path, resume=True)
    assert train(config, tmp_path).best.is_file()
    with pytest.raises(CountingError, match="there is a run already; resume it with --resume"):
        train(config, tmp_path)


def test_only_the_same_configuration_resumes_and_only_from_a_whole_state(root: Path, tmp_path: Path) -> None:
    run = train(tiny_config(root), tmp_path)
    with pytest.raises(CountingError, match="this run has another configuration"):
        train(tiny_config(root, seed=1), tmp_path, resume=True)
    run.state.write_bytes(run.state.read_bytes()[:1000])
    with pytest.raises(CountingError, match="corrupt or truncated"):
        train(tiny_config(root), tmp_path, resume=True)


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
