"""A user's own counter, from a Python file that a configuration names."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny import write_voc

from counting.inputs.grid import Grid
from counting.networks.backbones import build_backbone
from counting.networks.cells import Cells
from counting.networks.config import read_config
from counting.networks.counters import build_counter
from counting.networks.plugins import import_plugins
from counting_datasets.errors import CountingError

COUNTER = """
from torch import nn
from counting.networks.counters import Counter, register_counter

@register_counter("mine")
def mine(cells, categories, hidden: int = 4):
    head = nn.Sequential(nn.Linear(cells.width, hidden), nn.ReLU(), nn.Linear(hidden, len(categories)))
    return Counter(cells, head, categories)
"""
CONFIG = """
counter: mine
plugins: [my_counter.py]
data: {{name: voc, root: {root}}}
cells: {{grid: 2, side: 64}}
head: {{hidden: 3}}
optimization: {{epochs: {epochs}}}
"""


def counting(folder: Path, *arguments: object, code: int = 0) -> str:
    """What the command prints in ``folder``."""
    environment = {**os.environ, "COUNTING_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "counting.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_a_counter_of_ones_own_trains_resumes_evaluates_and_predicts(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "my_counter.py").write_text(COUNTER)
    (tmp_path / "configs" / "mine.yaml").write_text(CONFIG.format(root=root, epochs=1))
    said = counting(tmp_path, "train", "configs/mine.yaml")
    assert "finished: all 1 epochs are done" in said
    assert "always-0" in said
    assert (tmp_path / "runs" / "mine" / "weights" / "best.safetensors").is_file()
    counting(tmp_path, "train", "configs/mine.yaml", "--resume")
    counting(tmp_path, "evaluate", "runs/mine", "--data", "voc", "--root", root, "--split", "val")
    counting(tmp_path, "predict", root / "JPEGImages" / "000000.jpg", "--counter", "runs/mine")
    (tmp_path / "configs" / "my_counter.py").unlink()
    refused = counting(tmp_path, "predict", root / "JPEGImages" / "000000.jpg", "--counter", "runs/mine", code=2)
    assert f"plugins: {tmp_path}/configs/my_counter.py: no such file" in refused
    assert "Traceback" not in refused


def test_plugins_lie_relative_to_the_configuration_and_overrides_to_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.yaml").write_text("counter: mine\nplugins: [lib/my_counter.py]\n")
    assert read_config(str(tmp_path / "mine.yaml")).plugins == (tmp_path / "lib" / "my_counter.py",)
    monkeypatch.chdir(tmp_path)
    assert read_config("mine.yaml").plugins == (tmp_path / "lib" / "my_counter.py",)
    assert read_config("mine.yaml", ["plugins=[other.py]"]).plugins == (tmp_path / "other.py",)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.py", None, "no such file; the configuration needs its counter or backbone"),
        ("syntax.py", "x = 1\ndef f(:\n", "line 2: SyntaxError"),
        ("raises.py", "import math\n\nmath.sqrt(-1)\n", "line 3: ValueError"),
        ("imports.py", "import no_such_package\n", "line 1: ModuleNotFoundError"),
        ("counter.txt", "", "not a Python file, its name must end in .py"),
        ("exits.py", "raise SystemExit(0)\n", "line 1: SystemExit"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_named_in_one_line(
    tmp_path: Path, name: str, content: str | None, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(CountingError, match=f"{name}.*{says}") as refused:
        import_plugins([tmp_path / name])
    assert "\n" not in str(refused.value)


def test_a_plugin_is_run_once(tmp_path: Path) -> None:
    file = tmp_path / "noting.py"
    file.write_text("import sys\nsys.counting_runs = getattr(sys, 'counting_runs', 0) + 1\n")
    import_plugins([file])
    import_plugins([file, file])
    assert vars(sys)["counting_runs"] == 1


def test_the_counter_and_the_backbone_of_the_manual_can_be_built() -> None:
    page = Path(__file__).parents[1] / "docs" / "how_to" / "plugins.md"
    for snippet in re.findall(
        r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        exec(compile(snippet, page.name, "exec"), {})
    backbone = build_backbone("three_layers", None)
    (features,) = backbone(torch.zeros(2, 3, 64, 64))
    assert features.shape == (2, 64, 8, 8)
    counter = build_counter("linear", Cells(backbone, Grid(2), 64, "pool"), ("apple", "pear"), {"dropout": 0.2})
    assert counter(torch.zeros(2, 3, 64, 64)).shape == (2, 4, 2)
