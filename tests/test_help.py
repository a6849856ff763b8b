"""What `--help` says; and that help, lists and typos are answered without the slow imports."""

import re
import subprocess
import sys
from typing import NamedTuple

import pytest

HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "matplotlib",
    "scipy",
    "pandas",
    "pyarrow",
    "albumentations",
    "pycocotools",
}


class Answer(NamedTuple):
    text: str
    errors: list[str]
    imported: set[str]


def ask(*command: str, code: int = 0) -> Answer:
    """Run `counting` and see what it prints and imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "counting.cli", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    imports = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    errors = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    return Answer(done.stdout, errors, {line.rpartition("|")[2].strip() for line in imports})


@pytest.fixture(scope="module")
def commands() -> list[str]:
    names = re.findall(r"^ {4}([a-z]+)\b", ask("--help").text, flags=re.MULTILINE)
    assert {"predict", "train", "evaluate", "models", "download"} <= set(names)
    return names


def test_help_has_an_example_and_comes_without_slow_imports(commands: list[str]) -> None:
    for command in [(), *((name,) for name in commands)]:
        shown = ask(*command, "--help")
        example = shown.text.partition("example")[2]
        assert re.search(rf"^ *counting {' '.join(command)}\b", example, flags=re.MULTILINE), command
        assert not HEAVY & shown.imported, command


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("predikt photo.jpg", "did you mean 'predict'"),
        ("predict photo.jpg --countr x", "did you mean '--counter'"),
        ("predict photo.jpg", "photo.jpg: no photo found"),
        ("predict pyproject.toml --counter voc2007-glanze", "did you mean 'voc2007-glance'"),
        ("evaluate voc2007-sqe-sub", "did you mean 'voc2007-seq-sub'"),
        ("evaluate always-0 --against alwys-1", "did you mean 'always-1'"),
        ("evaluate always-0 --data voc2006", "did you mean 'voc2007'"),
        ("evaluate counts.csv", "counts.csv: no such file"),
        ("explain pyproject.toml --category doog", "did you mean 'dog'"),
        ("ask photo.jpg how", "photo.jpg: no such photo"),
        ("train voc2007/seq_sb", "did you mean 'voc2007/seq_sub'"),
        ("train mine.yaml", "mine.yaml: no such file"),
        ("download voc2077", "did you mean 'voc2007'"),
    ],
)
def test_a_typo_is_answered_with_a_suggestion_and_without_slow_imports(command: str, told: str) -> None:
    answer = ask(*command.split(), code=2)
    (line,) = answer.errors
    assert told in line
    assert not HEAVY & answer.imported


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("how many red dogs are there?", "colours cannot be told apart"),
        ("how many people in the picture are wearing hats?", "only all things of a category can be counted"),
        ("how many windows are there?", "windows: no such category; this counter knows"),
        ("wie viele Hunde sind da?", "the question is not in English"),
    ],
)
def test_a_question_that_counts_do_not_answer_is_refused_before_the_counter_is_loaded(
    question: str, told: str
) -> None:
    answer = ask("ask", "pyproject.toml", question, code=2)
    (line,) = answer.errors
    assert told in line
    assert not HEAVY & answer.imported


def test_an_unknown_split_is_refused_without_slow_imports(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("voc")
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    answer = ask("evaluate", "voc2007-glance", "--root", str(folder), "--split", "tset", code=2)
    assert "tset" in answer.errors[-1]
    assert not HEAVY & answer.imported


def test_models_are_listed_from_their_cards_without_slow_imports() -> None:
    answer = ask("models")
    assert "voc2007-glance" in answer.text
    assert "always-0" in answer.text
    assert not HEAVY & answer.imported
    assert all(len(line) <= 60 for line in answer.text.splitlines())
