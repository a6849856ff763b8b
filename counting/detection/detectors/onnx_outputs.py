"""The description of an ONNX detector: its categories, its input and the meaning of its outputs, from YAML."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError
from scipy.special import expit, softmax

from counting.detection.results_file import COCO_IDS
from counting.stats.metrics import Floats
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import CountingError

Three = Annotated[list[float], Field(min_length=3, max_length=3)]

_NAMED: Mapping[str, Mapping[int, str]] = {
    "coco": dict(enumerate(COCO_CATEGORIES)),
    "coco-ids": {int(number): name for number, name in COCO_IDS.items()},
    "voc": dict(enumerate(VOC_CATEGORIES)),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Input(_Strict):
    """How a photo becomes the model's input.

    Attributes:
        size: side of the square input, or its width and height.
        resize: ``letterbox`` keeps the photo's shape and pads it, ``stretch`` does not.
        mean, std: of each channel, for pixels from 0 to 1.
        colours: order of the channels.
    """

    size: PositiveInt | Annotated[list[PositiveInt], Field(min_length=2, max_length=2)]
    resize: Literal["letterbox", "stretch"] = "letterbox"
    mean: Three = [0.0, 0.0, 0.0]
    std: Three = [1.0, 1.0, 1.0]
    colours: Literal["RGB", "BGR"] = "RGB"


class Outputs(_Strict):
    """What the model's outputs mean, by their names.

    Attributes:
        boxes: n×4 boxes; or, without ``scores``, n rows of a box, its objectness if any, and K class scores.
        scores: n scores if there are ``labels``, else n×K class scores.
        labels: n class numbers.
        format: the four numbers of a box.
        units: ``pixels`` of the model's input, or ``shares`` of its width and height.
        objectness: whether each row has an objectness, which multiplies its class scores.
        activation: what turns the model's class scores into probabilities.
        nms: the IoU above which the weaker of two boxes of a class is dropped; None if the model does it itself.
    """

    boxes: str
    scores: str | None = None
    labels: str | None = None
    format: Literal["xyxy", "xywh", "cxcywh"] = "xyxy"
    units: Literal["pixels", "shares"] = "pixels"
    objectness: bool = False
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    nms: Annotated[float, Field(gt=0, le=1)] | None = None


class Description(_Strict):
    """The whole file.

    Attributes:
        categories: names by class number (list or mapping), or ``coco`` (0–79), ``coco-ids`` (1–90) or ``voc``.
    """

    categories: Literal["coco", "coco-ids", "voc"] | list[str] | dict[int, str]
    input: Input
    outputs: Outputs

    @property
    def classes(self) -> Mapping[int, str]:
        """Class number → name."""
        named = self.categories
        if isinstance(named, str):
            return _NAMED[named]
        return dict(enumerate(named)) if isinstance(named, list) else named


def read_description(path: Path) -> Description:
    """Read and check the YAML file at ``path``.

    Raises:
        CountingError: it is missing or malformed; names the key.
    """
    try:
        return Description.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise CountingError(
            f"{path}: no such file; it describes the input and outputs of the ONNX model"
        ) from None
    except OSError as error:
        raise CountingError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise CountingError(f"{path}: not text in UTF-8") from None
    except yaml.YAMLError as error:
        raise CountingError(f"{path}: not YAML ({str(error).splitlines()[0]})") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CountingError(f"{path}: {key}: {first['msg'].lower()}") from None


@dataclass(frozen=True, eq=False)
class Raw:
    """n boxes (x0, y0, x1, y1) in pixels of the model's input, their scores and class numbers."""

    corners: Floats
    scores: Floats
    labels: Floats


def decode(found: Mapping[str, Any], about: Description, size: tuple[int, int]) -> Raw:
    """The boxes in a model's outputs, by name; ``size`` is the width and height of its input.

    Raises:
        CountingError: an output is missing or has another shape than described.
    """
    outputs, classes = about.outputs, max(about.classes) + 1
    boxes = _two_dimensional(found, outputs.boxes)
    if outputs.scores is None:
        boxes, by_class = _split_rows(boxes, outputs, classes)
    else:
        values = _two_dimensional(found, outputs.scores)
        by_class = values.reshape(-1, 1) if outputs.labels else _activated(values, outputs)[:, :classes]
    if outputs.labels is None:
        labels = by_class.argmax(axis=1).astype(np.float64)
    else:
        labels = _two_dimensional(found, outputs.labels).ravel()
    if boxes.shape[1] != 4 or not len(boxes) == len(by_class) == len(labels):
        shapes = f"boxes {boxes.shape}, scores {by_class.shape} and labels {labels.shape}"
        raise CountingError(f"the outputs do not fit their description: {shapes}")
    return Raw(_corners(boxes, outputs, size), by_class.max(axis=1), labels)


def _two_dimensional(found: Mapping[str, Any], name: str) -> Floats:
    """An output as an array of two dimensions, without the batch; one of a single number a box as a column."""
    if name not in found:
        raise CountingError(f"the model has no output {name!r}: it has {', '.join(found)}")
    array = np.asarray(found[name], dtype=np.float64)
    if array.ndim == 3 and len(array) == 1:
        array = array[0]
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise CountingError(f"output {name!r} has shape {array.shape}, not that of one photo's boxes")
    return array


def _split_rows(rows: Floats, outputs: Outputs, classes: int) -> tuple[Floats, Floats]:
    """n×4 boxes and n×K scores from rows, or columns, of a box, its objectness if any, and its class scores."""
    first = 5 if outputs.objectness else 4
    if rows.shape[1] != first + classes:
        rows = rows.T
    if rows.shape[1] != first + classes:
        raise CountingError(f"output {outputs.boxes!r} has no side of {first} + {classes} numbers: {rows.T.shape}")
    scores = _activated(rows[:, first:], outputs)
    return rows[:, :4], scores * rows[:, 4:5] if outputs.objectness else scores


def _activated(scores: Floats, outputs: Outputs) -> Floats:
    if outputs.activation == "sigmoid":
        return np.asarray(expit(scores))
    return np.asarray(softmax(scores, axis=1)) if outputs.activation == "softmax" else scores


def _corners(boxes: Floats, outputs: Outputs, size: tuple[int, int]) -> Floats:
    first, second = boxes[:, :2], boxes[:, 2:]
    if outputs.format == "cxcywh":
        first = first - second / 2
    if outputs.format != "xyxy":
        second = first + second
    corners = np.concatenate([first, second], axis=1)
    return corners * (*size, *size) if outputs.units == "shares" else corners
