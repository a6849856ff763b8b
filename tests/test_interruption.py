"""Ctrl-C ends a command with 130 whatever becomes of it on its way up."""

import signal
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from counting.cli import main
from counting.utils.interruption import Interruption


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Ctrl-C works, also in tests that a shell runs in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_remembered_where_a_library_turns_it_into_an_error_of_its_own() -> None:
    with Interruption() as interruption:
        assert not interruption.occurred
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interruption.occurred
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_command_broken_off_inside_a_library_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_: object) -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("could not determine the shape of object type") from None
        return 0

    command = ModuleType("counting.commands.models")
    command.__dict__["run"] = run
    monkeypatch.setitem(sys.modules, "counting.commands.models", command)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "counting models: stopped\n"
