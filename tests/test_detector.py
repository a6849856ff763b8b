"""A torchvision detector as a counter: its boxes, matched by name, fitted on the validation split."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models.detection import ssdlite320_mobilenet_v3_large

from counting.cli import main
from counting.detection.detect import FITTERS
from counting.detection.detect_scenes import detect_scenes
from counting.detection.detectors.registry import find_detector
from counting.tables.count_table import CountTable
from counting_datasets.catalog import in_categories
from counting_datasets.categories import VOC_CATEGORIES
from counting_datasets.errors import CountingError
from counting_datasets.generated import write_scenes
from counting_datasets.protocol import Protocol
from counting_datasets.voc import load_voc

NAME = "ssdlite320_mobilenet_v3_large"
BOTTLE = 44
"""Its class in COCO's numbering."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained detector that sees bottles everywhere."""
    torch.manual_seed(0)
    model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
    for layers in model.head.classification_head.module_list:
        with torch.no_grad():
            layers[-1].bias.reshape(-1, 91)[:, BOTTLE] = 5.0
    path = tmp_path_factory.mktemp("weights") / "detector.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    return path


def test_its_boxes_become_counts(weights: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path, train=0, val=5, test=0, progress=False)
    scenes = in_categories(load_voc(tmp_path, "val"), ("bottle", "pottedplant", "person"))
    truth = CountTable.from_scenes(scenes, Protocol())
    scenes[1].path.write_bytes(b"no photo")
    detections, lost = detect_scenes(find_detector(f"torchvision:{NAME}@{weights}", "cpu"), scenes, truth)
    assert list(lost) == [scenes[1].id]
    assert detections.images == tuple(image for image in truth.images if image != scenes[1].id)
    assert len(detections)
    assert set(detections.category.tolist()) == {0}
    assert (detections.boxes[:, 2:] >= detections.boxes[:, :2]).all()
    fitted = FITTERS["soft"](detections, truth.select(detections.images))
    assert fitted.counts(detections).images == detections.images


def test_errors_name_the_detector_or_the_file(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(CountingError, match="unknown torchvision detector 'yolo'"):
        find_detector(f"torchvision:yolo@{weights}")
    for submodule in ("ssd", "faster_rcnn", "retinanet", "rpn", "FasterRCNN", "resnet18", ""):
        with pytest.raises(
            CountingError, match=f"unknown torchvision detector '{submodule}': use one of fasterrcnn_"
        ):
            find_detector(f"torchvision:{submodule}@{weights}")
    with pytest.raises(CountingError, match="no such weights file"):
        find_detector(f"torchvision:{NAME}@{tmp_path / 'none.safetensors'}")
    with pytest.raises(CountingError, match="not the weights of"):
        find_detector(f"torchvision:retinanet_resnet50_fpn@{weights}")


def test_it_is_fitted_and_then_counts_and_answers_with_intervals(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scenes(tmp_path, train=0, val=8, test=0, progress=False)
    data = ["--data", "voc2007", "--root", str(tmp_path)]
    detector, counter = f"torchvision:{NAME}@{weights}", tmp_path / "ssd.counter.json"
    done = main(["fit", detector, *data, "--out", str(counter), "--json"])
    said = capsys.readouterr()
    assert done == 0, said.err
    assert json.loads(said.out)["images"] == 8
    photo = str(next((tmp_path / "JPEGImages").iterdir()))
    assert main(["predict", photo, "--counter", f"{detector}+{counter}", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert tuple(row["category"] for row in rows) == VOC_CATEGORIES
    assert all({"interval", "probability", "distribution", "points", "cells"} <= row.keys() for row in rows)
    question = ["ask", photo, "how many bottles are there?", "--counter", f"{detector}+{counter}", "--json"]
    assert main(question) == 0
    answer = json.loads(capsys.readouterr().out)
    bottle = rows[VOC_CATEGORIES.index("bottle")]
    assert (answer["count"], answer["interval"]) == (bottle["count"], bottle["interval"])
