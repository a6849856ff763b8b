"""Detectors of other libraries, by stand-ins for the libraries: names, options, class numbers and errors."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import counting
from counting.detection.detectors.onnx_outputs import Description, decode
from counting.detection.detectors.registry import FAMILIES, find_detector, is_detector, split_counter_file
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.errors import CountingError

PHOTO = Image.new("RGB", (100, 60))


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **contents: Any) -> None:
    module = ModuleType(name)
    module.__dict__.update(contents)
    monkeypatch.setitem(sys.modules, name, module)


def test_a_detector_is_known_by_the_prefix_of_its_family(tmp_path: Path) -> None:
    assert all(is_detector(f"{family}:x") for family in FAMILIES)
    assert not any(map(is_detector, ("torchvision", "C:/boxes.json", "detectron:x", "voc2007-seq-sub", "")))
    plain = split_counter_file("ultralytics:a+b.pt")
    assert plain == ("ultralytics:a+b.pt", None)
    assert split_counter_file("onnx:a.onnx+y.counter.json") == ("onnx:a.onnx", Path("y.counter.json"))
    (tmp_path / "a+b.counter.json").touch()
    found = split_counter_file(f"onnx:m+n.onnx+{tmp_path}/a+b.counter.json")
    assert found == ("onnx:m+n.onnx", tmp_path / "a+b.counter.json")


@pytest.mark.parametrize(
    ("what", "package"),
    [
        ("ultralytics:{file}", "ultralytics"),
        ("rfdetr:nano", "rfdetr"),
        ("transformers:x", "transformers"),
        ("onnx:{file}", "onnxruntime"),
    ],
)
def test_a_library_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    file = tmp_path / "model.onnx"
    file.touch()
    file.with_suffix(".yaml").write_text(DESCRIPTION)
    with pytest.raises(CountingError, match=f"pip install {package}"):
        find_detector(what.format(file=file), "cpu")


class TestUltralytics:
    @pytest.fixture
    def file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        class YOLO:
            def __init__(self, file: str) -> None:
                self.names = {0: "dog", 7: "cat"}
                if Path(file).read_text() == "broken":
                    raise KeyError("model")
                self.task = Path(file).read_text()

            def predict(self, photo: Image.Image, *, conf: float, device: str, verbose: bool) -> list[Any]:
                assert (conf, device, verbose) == (0.02, "cpu", False)
                boxes = torch.tensor([[0, 0, 20, 20], [80, 40, 100, 60], [4, 4, 8, 8.0]])
                found = SimpleNamespace(
                    xyxy=boxes, conf=torch.tensor([0.9, 0.6, 0.3]), cls=torch.tensor([7.0, 7, 0])
                )
                return [SimpleNamespace(boxes=found)]

        stand_in(monkeypatch, "ultralytics", YOLO=YOLO)
        path = tmp_path / "yolo.pt"
        path.write_text("detect")
        return path

    def test_counts_its_boxes_under_its_names(self, file: Path) -> None:
        counter = counting.load(f"ultralytics:{file}", "cpu")
        assert counter.categories == ("dog", "cat")
        assert counter.count(PHOTO).counts == {"cat": 2}

    @pytest.mark.parametrize(
        ("content", "says"), [("classify", "the task 'classify', not a detector"), ("broken", "cannot be loaded")]
    )
    def test_what_is_no_detector_is_refused(self, file: Path, content: str, says: str) -> None:
        file.write_text(content)
        with pytest.raises(CountingError, match=says):
            counting.load(f"ultralytics:{file}", "cpu")
        with pytest.raises(CountingError, match="no such file"):
            counting.load("ultralytics:none.pt", "cpu")
        with pytest.raises(CountingError, match="categories of its own"):
            counting.load(f"ultralytics:{file}", "cpu", categories=["apple"])


class TestTransformers:
    @pytest.fixture(autouse=True)
    def library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Model:
            config = SimpleNamespace(id2label={0: "dog", 1: "cat"})

            @classmethod
            def from_pretrained(cls, name: str) -> "Model":
                return cls()

            def to(self, device: torch.device) -> "Model":
                return self

            def eval(self) -> "Model":
                return self

            def __call__(self, **inputs: Any) -> dict[str, Any]:
                return inputs

        class Inputs(dict[str, Any]):
            def to(self, device: torch.device) -> "Inputs":
                return self

        class Processor:
            @classmethod
            def from_pretrained(cls, name: str) -> "Processor":
                return cls()

            def __call__(self, **inputs: Any) -> Inputs:
                return Inputs(inputs)

            def post_process_object_detection(self, outputs: Any, *, threshold: float, target_sizes: Any) -> Any:
                assert (threshold, target_sizes) == (0.02, [(60, 100)])
                boxes = torch.tensor([[0, 0, 20, 20], [80, 40, 100, 60.0]])
                return [{"boxes": boxes, "scores": torch.tensor([0.9, 0.6]), "labels": torch.tensor([1, 1])}]

            def post_process_grounded_object_detection(
                self, outputs: Any, *, threshold: float, target_sizes: Any, text_labels: list[list[str]]
            ) -> Any:
                (found,) = self.post_process_object_detection(
                    outputs, threshold=threshold, target_sizes=target_sizes
                )
                assert outputs["text"] == text_labels
                return [{**found, "labels": None, "text_labels": ["a traffic cone", "cone of ice"]}]

        class ZeroShot(SimpleNamespace):
            pass

        def config(name: str) -> Any:
            if name == "none":
                raise OSError("none is not a model\nsee the hub")
            return ZeroShot() if name == "owl" else SimpleNamespace()

        stand_in(
            monkeypatch,
            "transformers",
            AutoConfig=SimpleNamespace(from_pretrained=config),
            AutoModelForObjectDetection=Model,
            AutoModelForZeroShotObjectDetection=Model,
            AutoImageProcessor=Processor,
            AutoProcessor=Processor,
            MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING={ZeroShot: Model},
        )

    def test_a_model_counts_its_classes(self) -> None:
        counter = counting.load("transformers:detr", "cpu")
        assert counter.categories == ("dog", "cat")
        assert counter.count(PHOTO).counts == {"cat": 2}
        with pytest.raises(CountingError, match="categories of its own"):
            counting.load("transformers:detr", "cpu", categories=["apple"])
        assert find_detector("transformers:detr", "cpu", default_categories=["apple"]).categories == ("dog", "cat")

    def test_a_zero_shot_model_counts_what_it_is_told(self) -> None:
        counter = counting.load("transformers:owl", "cpu", categories=["apple", "traffic cone"])
        assert counter.categories == ("apple", "traffic cone")
        assert counter.count(PHOTO).counts == {"traffic cone": 1}
        with pytest.raises(CountingError, match="finds what you name: add --categories"):
            counting.load("transformers:owl", "cpu")
        assert find_detector("transformers:owl", "cpu", default_categories=["apple"]).categories == ("apple",)

    def test_a_missing_model_is_one_line(self) -> None:
        with pytest.raises(CountingError, match=r"transformers:none: cannot be loaded \(none is not a model\)$"):
            counting.load("transformers:none", "cpu")


class TestRfdetr:
    @pytest.fixture
    def library(self, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
        made: list[dict[str, str]] = []

        class RFDETRNano:
            class_names = COCO_CATEGORIES

            def __init__(self, **options: str) -> None:
                made.append(options)

            def predict(self, photo: Image.Image, threshold: float, include_source_image: bool) -> Any:
                boxes = np.array([[0, 0, 20, 20], [80, 40, 100, 60.0]])
                return SimpleNamespace(xyxy=boxes, confidence=np.array([0.9, 0.6]), class_id=np.array([18, 90]))

        exported = ["ModelContext", "RFDETRNano", "RFDETRSegNano"]
        stand_in(monkeypatch, "rfdetr", RFDETRNano=RFDETRNano, RFDETRSegNano=None, __all__=exported)
        return made

    def test_numbers_the_classes_of_coco_by_their_ids(self, library: Any, tmp_path: Path) -> None:
        weights = tmp_path / "w.pth"
        weights.touch()
        result = counting.load(f"rfdetr:nano@{weights}", "cpu").count(PHOTO)
        assert result.counts == {"dog": 1, "toothbrush": 1}
        counting.load("rfdetr:Nano", "cpu")
        assert library == [{"device": "cpu", "pretrain_weights": str(weights)}, {"device": "cpu"}]

    def test_unknown_models_and_weights_are_refused(self, library: Any) -> None:
        with pytest.raises(CountingError, match="unknown RF-DETR model 'segnano': use one of nano"):
            counting.load("rfdetr:segnano", "cpu")
        with pytest.raises(CountingError, match="no such weights file"):
            counting.load("rfdetr:nano@none.pth", "cpu")


DESCRIPTION = """
categories: [dog, cat]
input: {size: [50, 30], resize: stretch}
outputs: {boxes: rows, format: cxcywh, objectness: true, nms: 0.5}
"""


class TestOnnx:
    @pytest.fixture
    def file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        rows = [[5, 5, 10, 10, 0.9, 1, 0], [5, 5, 10, 9, 0.8, 1, 0], [40, 20, 10, 10, 0.9, 0.2, 0.7]]

        class InferenceSession:
            def __init__(self, file: str, options: Any, providers: list[str]) -> None:
                assert providers == ["CPUExecutionProvider"]

            def get_inputs(self) -> Any:
                return [SimpleNamespace(name="images")]

            def get_outputs(self) -> Any:
                return [SimpleNamespace(name="rows")]

            def run(self, names: list[str], inputs: dict[str, Any]) -> list[Any]:
                assert inputs["images"].shape == (1, 3, 30, 50)
                assert inputs["images"].dtype == np.float32
                return [np.array([rows], dtype=np.float32)]

        stand_in(
            monkeypatch,
            "onnxruntime",
            InferenceSession=InferenceSession,
            SessionOptions=SimpleNamespace,
            get_available_providers=lambda: ["CPUExecutionProvider"],
        )
        path = tmp_path / "yolo.onnx"
        path.touch()
        path.with_suffix(".yaml").write_text(DESCRIPTION)
        return path

    def test_boxes_are_decoded_suppressed_and_scaled_to_the_photo(self, file: Path) -> None:
        result = counting.load(f"onnx:{file}", "cpu").count(PHOTO)
        assert result.counts == {"dog": 1, "cat": 1}
        assert result["dog"].points.tolist() == [[10, 10, 1]]
        assert result["cat"].points.tolist() == [[80, 40, 1]]

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ("size: [50, 30]", "size: 0", "input.size"),
            ("outputs:", "output:", "outputs: field required"),
            ("boxes: rows", "boxes: logits", "no output 'logits': it has rows"),
            ("[dog, cat]", "[dog]", r"no side of 5 \+ 1 numbers"),
            ("[dog, cat]", "cats", "categories"),
            ("resize: stretch", "resize: [", "not YAML"),
        ],
    )
    def test_a_wrong_description_is_one_clear_line(self, file: Path, old: str, new: str, says: str) -> None:
        file.with_suffix(".yaml").write_text(DESCRIPTION.replace(old, new))
        with pytest.raises(CountingError, match=says) as error:
            counting.load(f"onnx:{file}", "cpu").count(PHOTO)
        assert "\n" not in str(error.value)

    def test_a_missing_description_is_named(self, file: Path) -> None:
        file.with_suffix(".yaml").unlink()
        with pytest.raises(CountingError, match=r"yolo\.yaml: no such file; it describes"):
            counting.load(f"onnx:{file}", "cpu")


def about(**outputs: Any) -> Description:
    return Description.model_validate({"categories": ["dog", "cat"], "input": {"size": 100}, "outputs": outputs})


def test_outputs_of_each_described_kind_give_the_same_boxes() -> None:
    corners = np.array([[10, 20, 30, 60], [50, 50, 60, 60.0]])
    sizes = corners[:, 2:] - corners[:, :2]
    centres = corners[:, :2] + sizes / 2
    scores = np.array([[0.8, 0.1], [0.2, 0.7]])
    logits = np.log(scores / (1 - scores))
    with_none = np.log(np.hstack([scores, 1 - scores.sum(axis=1, keepdims=True)]))
    kinds: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"b": corners, "s": np.array([0.8, 0.7]), "l": np.array([0, 1])}, {"scores": "s", "labels": "l"}),
        ({"b": np.hstack([corners[:, :2], sizes])[None], "s": scores}, {"scores": "s", "format": "xywh"}),
        (
            {"b": np.hstack([centres, sizes]) / 100, "s": with_none[None]},
            {"scores": "s", "format": "cxcywh", "units": "shares", "activation": "softmax"},
        ),
        ({"b": np.hstack([corners, logits]).T[None]}, {"activation": "sigmoid"}),
        ({"b": np.hstack([corners, [[1.0], [1.0]], scores])}, {"objectness": True}),
    ]
    for found, meaning in kinds:
        raw = decode(found, about(boxes="b", **meaning), (100, 100))
        assert raw.corners == pytest.approx(corners)
        assert raw.scores == pytest.approx([0.8, 0.7])
        assert raw.labels.tolist() == [0, 1]


def test_outputs_of_another_shape_are_refused() -> None:
    with pytest.raises(CountingError, match="do not fit their description"):
        decode({"b": np.zeros((3, 4)), "s": np.zeros((2, 2))}, about(boxes="b", scores="s"), (9, 9))
    with pytest.raises(CountingError, match="not that of one photo's boxes"):
        decode({"b": np.zeros((2, 3, 4))}, about(boxes="b"), (9, 9))
