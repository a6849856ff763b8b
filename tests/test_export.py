"""Exported counters count as the counters themselves do, and their files say how to use them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exported import HEADS, assert_same_outputs, photos, run_onnx, scenes, tiny_checkpoint
from tiny import CATEGORIES, tiny_backbone, tiny_cells, tiny_config

from counting.cli import main
from counting.export.description import KEY, describe
from counting.export.exportable import Exportable
from counting.export.formats import export
from counting.inputs.grid import Grid
from counting.networks.cells import Cells
from counting.networks.checkpoint import build, save
from counting.networks.zoo import find_counter, zoo_names
from counting_datasets.errors import CountingError
from counting_datasets.generated.writing import draw_scene

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")


CASES = (
    pytest.param("seq_sub", 2, 48, "pool", 2, id="a committee of two with recurrent heads"),
    pytest.param("loc_sub", 4, 48, "pool", 1, id="cells that cut places of the map"),
    pytest.param("loc_sub", 3, 16, "pool", 1, id="more cells than places", marks=pytest.mark.slow),
    pytest.param("loc_sub", 2, 48, "crop", 1, id="cropped cells", marks=pytest.mark.slow),
    *(pytest.param(kind, 2, 48, "pool", 1, id=kind, marks=pytest.mark.slow) for kind in HEADS),
)


@pytest.mark.parametrize(("kind", "grid", "side", "mode", "members"), CASES)
def test_an_onnx_file_counts_as_the_counter_in_batches_of_any_size(
    kind: str, grid: int, side: int, mode: Any, members: int, tmp_path: Path
) -> None:
    checkpoint = tiny_checkpoint(kind, Cells(tiny_backbone(), Grid(grid), side, mode), members)
    file = tmp_path / "tiny.onnx"
    export(checkpoint, "tiny", "onnx", file)
    for number in (1, 3):
        assert_same_outputs(file, checkpoint, photos(side, number))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("export voc2007-glanze", "did you mean 'voc2007-glance'"),
        ("export torchvision:ssd300_vgg16", "only trained counters are exported"),
        ("export --format onx", "did you mean 'onnx'"),
        ("export --out counter.pt2", "must end in .onnx"),
        ("export --format torch-export --int8 scene.jpg", "--int8 needs --format onnx"),
        ("export --int8 nowhere", "nowhere: no photo found"),
        ("predict scene.jpg --runtime onnx --device cuda", "counts on the CPU"),
        ("predict scene.jpg --runtime onnx --counter torchvision:ssd300_vgg16", "is a detector"),
    ],
)
def test_requests_that_do_not_go_together_are_refused(
    command: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw_scene(0).image.save("scene.jpg")
    assert main(command.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert [file.name for file in tmp_path.iterdir()] == ["scene.jpg"]


def test_a_run_folder_is_exported_under_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tiny_config(tmp_path)
    save(build(config, CATEGORIES), config, tmp_path / "runs" / "mine" / "weights" / "best.safetensors")
    assert main(["export", "runs/mine", "--format", "torch-export", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["files"] == ["mine.pt2"]
    assert printed["bytes"] == (tmp_path / "mine.pt2").stat().st_size
    assert (printed["counter"], printed["categories"]) == ("mine", list(CATEGORIES))


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo_names())
def test_every_shipped_counter_counts_alike_in_onnxruntime(name: str, tmp_path: Path) -> None:
    checkpoint = find_counter(name, "cpu")
    export(checkpoint, name, "onnx", tmp_path / "counter.onnx")
    assert_same_outputs(tmp_path / "counter.onnx", checkpoint, scenes(checkpoint, 2))


def test_a_torch_export_file_counts_as_the_counter(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("loc_sub", tiny_cells(2, side=48))
    export(checkpoint, "tiny", "torch-export", tmp_path / "tiny.pt2")
    extra = {KEY: ""}
    program = torch.export.load(tmp_path / "tiny.pt2", extra_files=extra).module()
    images = photos(48, 3)
    with torch.inference_mode():
        for one, other in zip(program(images), Exportable(checkpoint)(images), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    assert json.loads(extra[KEY]) == describe(checkpoint, "tiny")


def test_an_openvino_file_counts_as_the_counter(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino", reason="needs the extra openvino")
    checkpoint = tiny_checkpoint("loc_sub", tiny_cells(2, side=48))
    export(checkpoint, "tiny", "openvino", tmp_path / "tiny.xml")
    core = openvino.Core()
    model = core.read_model(tmp_path / "tiny.xml")
    assert json.loads(model.get_rt_info(KEY).astype(str)) == describe(checkpoint, "tiny")
    images = photos(48, 3)
    found = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(images.numpy())
    with torch.inference_mode():
        for name, expected in zip(("cells", "distribution", "peaks"), Exportable(checkpoint)(images), strict=True):
            np.testing.assert_allclose(found[name], expected.numpy(), rtol=0, atol=1e-4)


def test_an_int8_file_is_smaller_and_counts_nearly_alike(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("loc_sub", tiny_cells(2, side=48))
    images = photos(48, 8)
    export(checkpoint, "tiny", "onnx", tmp_path / "int8.onnx", [image[None].numpy() for image in images])
    session = onnxruntime.InferenceSession(tmp_path / "int8.onnx")
    assert json.loads(session.get_modelmeta().custom_metadata_map[KEY])["counter"] == "tiny"
    with torch.inference_mode():
        expected = checkpoint.counter.count(images).numpy()
    found = run_onnx(tmp_path / "int8.onnx", images)[0].sum(axis=1)
    assert np.abs(found - expected).max() > 0
    np.testing.assert_allclose(found, expected, rtol=0.1, atol=0.1)


class Branching(torch.nn.Module):
    """A layer whose graph depends on its input."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features if features.sum() > 0 else -features


def test_a_counter_that_is_no_fixed_graph_is_refused_in_one_line(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("aso_sub", tiny_cells(2, side=48))
    checkpoint.counter.head = torch.nn.Sequential(Branching(), checkpoint.counter.head)
    with pytest.raises(CountingError, match="mine cannot be exported") as refused:
        export(checkpoint, "mine", "onnx", tmp_path / "mine.onnx")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())
