"""What `--help` says, and how soon."""

import re
import resource
import subprocess
import sys
from typing import NamedTuple

import pytest

HEAVY = {"torch", "torchvision", "matplotlib", "scipy", "pandas", "pyarrow", "albumentations", "pycocotools"}


class Help(NamedTuple):
    text: str
    imported: set[str]
    cpu_seconds: float


def ask_help(*command: str) -> Help:
    """Run `counting … --help`, which must succeed, and see what it prints, imports and costs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "counting.cli", *command, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Help(done.stdout, imported, spent)


@pytest.fixture(scope="module")
def commands() -> list[str]:
    names = re.findall(r"^ {4}([a-z]+)\b", ask_help().text, flags=re.MULTILINE)
    assert {"predict", "train", "evaluate", "models", "download"} <= set(names)
    return names


def test_help_shows_an_example(commands: list[str]) -> None:
    assert re.search(r"^ *counting [a-z]+ ", ask_help().text.partition("example")[2], flags=re.MULTILINE)
    for name in commands:
        example = ask_help(name).text.partition("example")[2]
        assert re.search(rf"^ *counting {name}\b", example, flags=re.MULTILINE), name


def test_help_is_soon_there(commands: list[str]) -> None:
    for command in [(), *((name,) for name in commands)]:
        shown = ask_help(*command)
        assert "argparse" in shown.imported
        assert not HEAVY & shown.imported, command
        assert shown.cpu_seconds < 1, command
