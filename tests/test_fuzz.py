"""A few damaged inputs of every kind; `make fuzz` tries 20,000. An input is accepted or refused in one line."""

import signal
from pathlib import Path

import pytest
from fuzz import commands
from fuzz.__main__ import outcome
from fuzz.kinds import kinds

from counting_datasets.errors import CountingError

SEEDS = range(20)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_right_input_is_accepted(tmp_path: Path) -> None:
    refused = []
    for kind in kinds():
        for content in kind.corpus:
            file = tmp_path / f"input{kind.suffix}"
            file.write_bytes(content)
            try:
                kind.read(file)
            except CountingError as error:
                refused.append((kind.name, str(error)))
    assert refused == []


def test_damaged_inputs_are_accepted_or_refused(tmp_path: Path) -> None:
    for kind in kinds():
        for seed in SEEDS:
            found = outcome(kind, seed, tmp_path / f"input{kind.suffix}")
            assert found in ("accepted", "refused"), (kind.name, seed, found)


def test_commands_take_damaged_files_and_odd_arguments() -> None:
    for seed, found in commands.try_commands(SEEDS, seconds=60):
        assert found in ("accepted", "refused"), (seed, found)
    signal.alarm(0)


@pytest.mark.parametrize(
    "command", [one for one in commands.COMMANDS if "counts.csv" in one and "improve" not in one]
)
def test_commands_accept_right_files(command: str) -> None:
    for name, (content, _) in commands.FILES.items():
        Path(name).write_bytes(content)
    assert commands.outcome(command.split(), 60) == "accepted"
