"""Counting with onnxruntime: the same results as with PyTorch, with and without this package."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported import assert_same_outputs, scenes
from PIL import Image
from shell import Shell

from counting.export.cached_onnx import cached_onnx
from counting.export.description import KEY, describe
from counting.networks.zoo import BEST, find_counter, find_weights
from counting.predictor.count_result import CountResult
from counting.predictor.onnx_engine import onnx_counter
from counting.predictor.predictor import Predictor, load
from counting_datasets.generated.writing import draw_scene

onnx = pytest.importorskip("onnx", reason="needs the extra export")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photos") / "scene.jpg"
    draw_scene(0).image.save(file)
    return file


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder into which the default counter is exported once: that takes a quarter of a minute."""
    folder = tmp_path_factory.mktemp("cached") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTING_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def default(cache: Path) -> Predictor:
    return load(runtime="onnx")


@pytest.fixture(scope="module")
def default_file(default: Predictor, cache: Path) -> Path:
    (file,) = cache.glob("onnx/*.onnx")
    return file


def test_the_default_counter_is_exported_with_its_description(default_file: Path) -> None:
    checkpoint = find_counter(BEST, "cpu")
    assert_same_outputs(default_file, checkpoint, scenes(checkpoint, 1))
    session = onnxruntime.InferenceSession(default_file)
    side = checkpoint.counter.cells.side
    (images,) = session.get_inputs()
    assert (images.name, images.shape) == ("images", ["batch", 3, side, side])
    description = json.loads(session.get_modelmeta().custom_metadata_map[KEY])
    assert description == describe(checkpoint, BEST)
    assert tuple(description["categories"]) == checkpoint.counter.categories


def test_runtime_onnx_gives_the_same_results(default: Predictor, scene: Path) -> None:
    expected, found = load(BEST, "cpu").count(scene), default.count(scene)
    np.testing.assert_allclose(found.cells, expected.cells, rtol=0, atol=1e-4)
    assert (found.counts, found.things, found.size) == (expected.counts, expected.things, expected.size)
    for one, other in zip(found, expected, strict=True):
        assert (one.low, one.high) == (other.low, other.high)
        assert (one.points is None) == (other.points is None)
        if one.points is not None:
            np.testing.assert_allclose(one.points, other.points, rtol=0, atol=1e-3)


def test_runtime_onnx_keeps_the_order_and_reports_unreadable_photos(default: Predictor, scene: Path) -> None:
    missing: list[str] = []
    grey = np.full((40, 60, 3), 128, dtype=np.uint8)
    counted = default.stream(
        [scene, "missing.jpg", grey, scene], on_error=lambda error: missing.append(str(error)), workers=2
    )
    assert [result.size for result in counted] == [Image.open(scene).size, (60, 40), Image.open(scene).size]
    assert len(missing) == 1
    assert missing[0].startswith("missing.jpg")


def test_the_command_uses_the_exported_file(default_file: Path, scene: Path, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.environment["COUNTING_CACHE"] = str(default_file.parents[1])
    before = default_file.stat().st_mtime_ns
    rows = [json.loads(shell("predict", scene, "--json", *options)[0]) for options in ((), ("--runtime", "onnx"))]
    for expected, found in zip(*rows, strict=True):
        assert found["count_raw"] == pytest.approx(expected["count_raw"], abs=1e-4)
    assert default_file.stat().st_mtime_ns == before


def test_the_example_counts_without_torch(default_file: Path, scene: Path) -> None:
    code = "import runpy, sys; sys.modules['torch'] = None; runpy.run_path(sys.argv[1], run_name='__main__')"
    script = EXAMPLES / "count_with_onnx.py"
    command = [sys.executable, "-c", code.replace("sys.argv[1]", repr(str(script))), str(default_file), str(scene)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{scene} {in_category_order(load(BEST, 'cpu').count(scene))}\n"


@pytest.mark.slow
def test_the_example_counts_in_an_environment_without_torch(
    default_file: Path, scene: Path, tmp_path: Path
) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "onnxruntime", "numpy", "pillow"]
    if subprocess.run(install, check=False).returncode != 0:
        pytest.skip("needs a package index")
    assert subprocess.run([python, "-c", "import torch"], check=False, capture_output=True).returncode != 0
    command = [python, EXAMPLES / "count_with_onnx.py", default_file, scene]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown == f"{scene} {in_category_order(load(BEST, 'cpu').count(scene))}\n"


def in_category_order(result: CountResult) -> dict[str, int]:
    return {name: result.counts[name] for name in result.categories if name in result.counts}


def identity() -> Any:
    """An ONNX model that returns its input."""
    images, cells = (onnx.helper.make_tensor_value_info(name, 1, [1]) for name in ("images", "cells"))
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["images"], ["cells"])], "g", [images], [cells]
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)


def test_a_corrupt_file_in_the_cache_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTING_CACHE", str(tmp_path))
    monkeypatch.setattr("counting.export.cached_onnx.to_onnx", lambda checkpoint, name: identity())
    checkpoint, weights = find_counter("voc2007-glance", "cpu"), find_weights("voc2007-glance")
    file = cached_onnx(checkpoint, weights)
    sound = file.read_bytes()
    file.write_bytes(sound[: len(sound) // 2])
    assert cached_onnx(checkpoint, weights).read_bytes() != sound
    onnx_counter("voc2007-glance")
    assert file.read_bytes() == sound
