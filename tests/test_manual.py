"""The manual is built without a warning: every link, anchor and name in the reference leads somewhere.

It works from disk, without a network.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_manual_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    zensical = shutil.which("zensical", path=Path(sys.executable).parent) or shutil.which("zensical")
    if zensical is None:
        pytest.skip('needs the extra docs: pip install -e ".[docs]"')
    for name in ("docs", "counting", "datasets", "configs"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__")
        )
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    subprocess.run([sys.executable, "docs/generate.py"], cwd=tmp_path, check=True)
    build = [zensical, "build", "--clean", "--strict"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for page in ("index.html", "reference/commands.html", "models.html", "tutorial/count.html", "search.js"):
        assert (tmp_path / "site" / page).is_file(), page
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="?(?:https?:)?//[^">]*', page.read_text("utf-8"))
        linked = re.findall(r'<link[^>]* href="?(?:https?:)?//[^">]*', page.read_text("utf-8"))
        assert not loaded + linked, page
