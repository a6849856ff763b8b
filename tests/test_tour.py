"""The notebook: it runs from top to bottom, and its two files are the same."""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPT, NOTEBOOK = EXAMPLES / "tour.py", EXAMPLES / "tour.ipynb"


def script_cells() -> list[tuple[str, str]]:
    """(kind, text) of each cell of the script in jupytext's percent format."""
    parts = re.split(r"^# %%(.*)\n", SCRIPT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    cells = []
    for mark, text in zip(parts[::2], parts[1::2], strict=True):
        if mark.strip() == "[markdown]":
            cells.append(("markdown", re.sub(r"^# ?", "", text, flags=re.MULTILINE).strip()))
        else:
            cells.append(("code", text.strip()))
    return cells


def notebook_cells() -> list[tuple[str, str]]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in cells]


def test_the_notebook_is_the_script() -> None:
    assert notebook_cells() == script_cells(), "run jupytext --sync examples/tour.py"


def test_the_notebook_runs_from_top_to_bottom(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mpl.use("agg")
    monkeypatch.chdir(EXAMPLES)
    scope: dict[str, Any] = {}
    for kind, text in notebook_cells():
        if kind == "code":
            exec(compile(text, NOTEBOOK.name, "exec"), scope)
    said = capsys.readouterr().out
    assert "cat.jpg: " in said
    assert "how many black cats? → " in said
    assert scope["found"].category == "cat"
