"""Every benchmark still finds what it measures, and says with --help how it is called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
NAMES = sorted(file.stem for file in BENCHMARKS.glob("*.py") if "def main" in file.read_text(encoding="utf-8"))

ASK_EACH = """
import contextlib, importlib, io, json, sys
sys.path.insert(0, sys.argv[1])
answers = {}
for name in sys.argv[2:]:
    sys.argv = [name, "--help"]
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            importlib.import_module(name).main()
        answers[name] = "ran in place of its help"
    except SystemExit as stop:
        answers[name] = out.getvalue() if stop.code == 0 else f"exit code {stop.code}"
    except ModuleNotFoundError as error:
        answers[name] = f"needs {error.name}"
print(json.dumps(answers))
"""
OUTSIDE = ("needs transformers", "needs sacrebleu")
"""Packages that are no dependencies of this project, not even in development."""


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    """What each says, asked in one process: the imports are slow."""
    command = [sys.executable, "-c", ASK_EACH, str(BENCHMARKS), *NAMES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_answers_help(name: str, answers: dict[str, str]) -> None:
    answer = answers[name]
    if answer in OUTSIDE:
        pytest.skip(answer)
    assert answer.startswith("usage:")
