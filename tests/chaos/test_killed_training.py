"""Training killed with SIGKILL at random moments: it resumes, and ends as if nothing had happened."""

import argparse
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file
from tiny import write_voc

from counting.commands import train
from counting.training.run_folder import RunFolder

KILLS = 50
CONFIG = """
counter: loc_sub
plugins: [{plugins}/tiny.py]
data: {{name: voc, root: voc}}
backbone: {{name: tiny, frozen: false}}
cells: {{grid: 2, side: 48}}
head: {{depth: 8, hidden: 8, heads: 2}}
loss: {{centres: 1}}
optimization: {{epochs: 12, batch: 8, views: 4, patience: 12, rescale: true}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTING_CACHE", str(tmp_path / "cache"))
    write_voc(tmp_path / "voc")
    (tmp_path / "chaos.yaml").write_text(CONFIG.format(plugins=Path(__file__).parents[1]))
    return tmp_path


def start(name: str, *, resume: bool) -> int:
    """``counting train`` in a process of its own; returns its number."""
    child = os.fork()
    if child:
        return child
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    arguments = {"config": "chaos.yaml", "name": name, "resume": resume, "device": "cpu"}
    request = argparse.Namespace(**arguments, overrides=[], workers=None)
    code = 1
    try:
        code = train.run(request)
    finally:
        os._exit(code)


def ends_well(child: int) -> bool:
    """Wait for a process; False if it was killed."""
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return not os.WIFSIGNALED(status)


def check_whole(run: Path) -> None:
    """Read every file of a run, except those that were never written to the end."""
    for file in (file for file in run.rglob("*") if file.is_file() and not file.name.startswith(".partial-")):
        match file.suffix:
            case ".safetensors":
                load_file(file)
            case ".pt":
                torch.load(file, weights_only=True)
            case ".json":
                json.loads(file.read_text())
            case ".jsonl":
                assert [json.loads(line) for line in file.read_text().splitlines()]
            case ".yaml":
                assert yaml.safe_load(file.read_text())
            case _:
                assert file.stat().st_size


def content(run: Path) -> dict[str, object]:
    """All that a run ended with, but its name; the order of a weights file's header is left to chance."""
    found: dict[str, object] = json.loads((run / "results.json").read_text())
    found.pop("counter")
    for weights in ("best", "last"):
        with safe_open(run / "weights" / f"{weights}.safetensors", framework="pt") as file:
            found[weights] = file.metadata()
            found |= {f"{weights} {key}": file.get_tensor(key).numpy().tobytes() for key in file.keys()}  # noqa: SIM118
    return found | {name: (run / name).read_bytes() for name in ("metrics.jsonl", "counts.csv", "config.yaml")}


def attempts(name: str, moments: Iterator[float]) -> int:
    """Run ``name`` to its end, killed after each of ``moments``; how often it was killed."""
    kills = 0
    for moment in moments:
        run = RunFolder(train.RUNS / name)
        child = start(name, resume=run.state.exists())
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        if ends_well(child):
            return kills
        kills += 1
        check_whole(run.path)
    return kills


@pytest.mark.slow
def test_every_killed_run_ends_bit_by_bit_as_the_undisturbed_one(folder: Path) -> None:
    began = time.monotonic()
    assert ends_well(start("undisturbed", resume=False))
    whole = time.monotonic() - began
    chance = random.Random(0)
    kills, runs = 0, 0
    while kills < KILLS:
        name = f"killed {runs}"
        moments = (chance.uniform(0.05, whole) for _ in range(KILLS - kills))
        kills += attempts(name, moments)
        runs += 1
        run = RunFolder(train.RUNS / name)
        if not (run.path / "report.html").exists() or kills == KILLS:
            assert ends_well(start(name, resume=run.state.exists()))
        assert content(run.path) == content(train.RUNS / "undisturbed"), name
        assert not list(run.path.rglob(".partial-*"))
    print(f"{kills} kills in {runs} runs; the undisturbed run took {whole:.1f} s")
