"""The recipes of docs/how_to/many_photos.md for other frameworks run as written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from counting.predictor.predictor import load

ROOT = Path(__file__).parents[1]

PHOTO = ROOT / "docs" / "photos" / "astronaut.jpg"

WRITTEN = {"Ray Data": "ray.data", "Daft": "daft", "Spark": "pyspark"}
"""Frameworks whose recipes write the Parquet files ``counts`` → the module that they need."""

SETTINGS = {
    "PYSPARK_PYTHON": sys.executable,
    "SPARK_LOCAL_IP": "127.0.0.1",
    "RAY_worker_niceness": "0",  # at 15, the default, workers do not start on a busy machine
}

pytestmark = pytest.mark.slow


def run_recipe(framework: str, folder: Path) -> None:
    """Run a recipe in a folder with the photos that it names, in a process of its own."""
    page = (ROOT / "docs" / "how_to" / "many_photos.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(rf"^{framework}:\n\n```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(PHOTO, folder / name)
    (folder / "recipe.py").write_text(recipe, encoding="utf-8")
    environment = {**os.environ, **SETTINGS, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "datasets")))}
    command = [sys.executable, "recipe.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("framework", WRITTEN)
def test_a_recipe_writes_the_counts_of_both_photos(framework: str, tmp_path: Path) -> None:
    pytest.importorskip(WRITTEN[framework], reason=f"needs {framework}")
    if framework == "Spark" and not shutil.which("java"):
        pytest.skip("Spark needs Java")
    parquet = pytest.importorskip("pyarrow.parquet")
    run_recipe(framework, tmp_path)
    counted = parquet.read_table(tmp_path / "counts").to_pydict()
    expected = float(load().count(PHOTO).to_table("a").counts[0][load().categories.index("person")])
    assert sorted(counted["path"]) == ["a.jpg", "b.jpg"]
    assert counted["person"] == pytest.approx([expected, expected])
