"""Training that is broken off or killed: resumed, it ends as if it had not been."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny_config, write_voc
from tiny_training import FINE_TUNED, HEAD, assert_same_weights, train

from counting.training.run_folder import RunFolder
from counting.training.trainer import Trainer
from counting_datasets.errors import CountingError

pytestmark = pytest.mark.usefixtures("own_cache")

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voc(tmp_path_factory.mktemp("data") / "voc", train=32, val=16)


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
