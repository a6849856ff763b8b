"""Detectors of the real libraries, where they are installed, with tiny random weights made on the spot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import counting
from counting.detection.detectors.registry import find_detector
from counting_datasets.errors import CountingError

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 100, 3), dtype=np.uint8))


def check(what: str, names: tuple[str, ...], **options: Any) -> Any:
    """Boxes lie in the photo and are of the categories, and the detector counts."""
    detector = find_detector(what, "cpu", **options)
    assert detector.categories == names
    found = detector.detect(PHOTO)
    assert found.corners.shape == (len(found.scores), 4)
    assert ((found.scores >= 0.02) & (found.scores <= 1)).all()
    assert ((found.category >= 0) & (found.category < len(names))).all()
    result = counting.load(what, "cpu", **options).count(PHOTO)
    assert result.categories == names
    assert result.cells.sum() == (found.scores >= 0.5).sum()
    return found


def test_ultralytics(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ultralytics", reason="needs ultralytics")
    from ultralytics import YOLO
    from ultralytics.nn.tasks import DetectionModel

    model = YOLO("yolov8n.yaml")
    model.model = DetectionModel("yolov8n.yaml", nc=3, verbose=False)
    model.model.names = {0: "dog", 1: "cat", 2: "traffic cone"}
    with torch.no_grad():
        for layers in model.model.model[-1].cv3:
            layers[-1].bias.fill_(-2.0)
    file = tmp_path / "tiny.pt"
    model.save(str(file))
    capfd.readouterr()
    found = check(f"ultralytics:{file}", ("dog", "cat", "traffic cone"))
    assert len(found.scores)
    assert capfd.readouterr().out == ""
    (tmp_path / "broken.pt").write_bytes(b"no model")
    with pytest.raises(CountingError, match=r"broken\.pt: cannot be loaded"):
        find_detector(f"ultralytics:{tmp_path / 'broken.pt'}", "cpu")


class TestTransformers:
    @pytest.fixture(autouse=True)
    def library(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        return pytest.importorskip("transformers", reason="needs transformers")

    def test_a_model_with_classes_of_its_own(self, library: Any, tmp_path: Path) -> None:
        config = library.YolosConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=[64, 64],
            num_detection_tokens=10, id2label={0: "dog", 1: "cat"}, use_mid_position_embeddings=False,
        )  # fmt: skip
        torch.manual_seed(0)
        library.YolosForObjectDetection(config).save_pretrained(tmp_path)
        library.YolosImageProcessor(size={"shortest_edge": 64, "longest_edge": 64}).save_pretrained(tmp_path)
        found = check(f"transformers:{tmp_path}", ("dog", "cat"))
        assert len(found.scores)
        with pytest.raises(CountingError, match="categories of its own"):
            find_detector(f"transformers:{tmp_path}", "cpu", ["apple"])

    def test_a_zero_shot_model_counts_what_it_is_told(self, library: Any, tmp_path: Path) -> None:
        vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                  "image_size": 64, "patch_size": 16}  # fmt: skip
        text = {"vocab_size": 600, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
                "num_attention_heads": 2, "max_position_embeddings": 16, "pad_token_id": 0, "bos_token_id": 1,
                "eos_token_id": 2}  # fmt: skip
        config = library.OwlViTConfig(text_config=text, vision_config=vision, projection_dim=16)
        torch.manual_seed(0)
        library.OwlViTForObjectDetection(config).save_pretrained(tmp_path)
        images = library.OwlViTImageProcessor(
            size={"height": 64, "width": 64}, crop_size={"height": 64, "width": 64}
        )
        library.OwlViTProcessor(images, tokenizer(library, tmp_path)).save_pretrained(tmp_path)
        what = f"transformers:{tmp_path}"
        found = check(what, ("apple", "traffic cone"), categories=["apple", "traffic cone"])
        assert len(found.scores)
        with pytest.raises(CountingError, match="finds what you name"):
            find_detector(what, "cpu")

    def test_a_missing_model_is_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(CountingError, match="cannot be loaded") as error:
            find_detector(f"transformers:{tmp_path / 'none'}", "cpu")
        assert "\n" not in str(error.value)


def tokenizer(library: Any, folder: Path) -> Any:
    """CLIP's tokenizer with a vocabulary of letters."""
    letters = [chr(letter) for letter in range(ord("a"), ord("z") + 1)]
    tokens = ["<|pad|>", "<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    files = (str(folder / "vocab.json"), str(folder / "merges.txt"))
    return library.CLIPTokenizer(*files, pad_token="<|pad|>", model_max_length=16)


def test_rfdetr(tmp_path: Path) -> None:
    pytest.importorskip("rfdetr", reason="needs rfdetr")
    from rfdetr import RFDETRNano

    model = RFDETRNano(pretrain_weights=None, device="cpu")
    weights = tmp_path / "tiny.pth"
    torch.save({"model": model.model.model.state_dict(), "args": model.model.args}, weights)
    found = find_detector(f"rfdetr:nano@{weights}", "cpu").detect(PHOTO)
    assert ((found.scores >= 0.02) & (found.scores <= 1)).all()


def test_onnx(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    rows = np.array([[[10, 10, 20, 20, 0.9, 0.1], [40, 20, 8, 8, 0.1, 0.8]]], dtype=np.float32)
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    # the mean of the photo, times 0, plus the rows: the output depends on the input
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["rows", "nothing"], ["output0"]),
    ]
    constants = [onnx.numpy_helper.from_array(rows, "rows"), onnx.numpy_helper.from_array(np.float32(0), "zero")]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", kind, [1, 3, 30, 50])],
        [helper.make_tensor_value_info("output0", kind, [1, 2, 6])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "tiny.onnx")
    outputs = "categories: [dog, cat]\noutputs: {boxes: output0, format: cxcywh}\n"
    (tmp_path / "tiny.yaml").write_text(f"{outputs}input: {{size: [50, 30], resize: stretch}}")
    found = check(f"onnx:{tmp_path / 'tiny.onnx'}", ("dog", "cat"))
    assert found.corners.tolist() == [[0, 0, 40, 40], [72, 32, 88, 48]]
    (tmp_path / "tiny.yaml").write_text(f"{outputs}input: {{size: 64}}")
    with pytest.raises(CountingError, match="does not run as described"):
        counting.load(f"onnx:{tmp_path / 'tiny.onnx'}", "cpu").count(PHOTO)
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    (tmp_path / "broken.yaml").write_text((tmp_path / "tiny.yaml").read_text())
    with pytest.raises(CountingError, match=r"broken\.onnx: cannot be loaded"):
        find_detector(f"onnx:{tmp_path / 'broken.onnx'}", "cpu")
