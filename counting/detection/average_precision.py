"""COCO's average precision, by pycocotools."""

import contextlib
import io
from collections.abc import Sequence
from typing import Any

from counting.detection.detections import Detections
from counting.stats.metrics import Floats
from counting_datasets.scene import Scene

NO_AREA = -1
"""Of objects to ignore: in none of COCO's ranges of area, so that they neither help nor hurt."""


def average_precision(detections: Detections, scores: Floats, scenes: Sequence[Scene]) -> tuple[float, float]:
    """AP over IoU .5, .55, …, .95 and AP at .5, the means over categories; ``scores`` (D) order the boxes.

    ``scenes`` are the photos of ``detections``, row for row; their difficult objects neither help nor hurt.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if not len(detections):
        return 0.0, 0.0
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = _dataset(scenes, detections.categories)
        truth.createIndex()
        scoring = COCOeval(truth, truth.loadRes(_results(detections, scores)), "bbox")
        scoring.evaluate()
        scoring.accumulate()
        scoring.summarize()
    return float(scoring.stats[0]), float(scoring.stats[1])


def _dataset(scenes: Sequence[Scene], categories: Sequence[str]) -> dict[str, Any]:
    rows = [
        {
            "image_id": image,
            "category_id": int(label),
            "bbox": [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()],
            "area": NO_AREA if difficult else float((box[2:] - box[:2]).prod()),
            "iscrowd": int(crowd),
        }
        for image, scene in enumerate(scenes)
        for box, label, difficult, crowd in zip(
            scene.boxes, scene.labels, scene.difficult, scene.crowd, strict=True
        )
    ]
    return {
        "images": [{"id": image} for image in range(len(scenes))],
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories)],
        "annotations": [{"id": number, **row} for number, row in enumerate(rows, 1)],
    }


def _results(detections: Detections, scores: Floats) -> list[dict[str, Any]]:
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    columns = (
        detections.image.tolist(),
        detections.category.tolist(),
        detections.boxes[:, :2].tolist(),
        sides.tolist(),
        scores.tolist(),
    )
    return [
        {"image_id": image, "category_id": category, "bbox": corner + size, "score": score}
        for image, category, corner, size, score in zip(*columns, strict=True)
    ]
