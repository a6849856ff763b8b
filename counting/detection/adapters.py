"""Boxes of other libraries as ``Detections``: torchvision's dicts, ultralytics' Results, supervision's Detections.

The libraries are not imported; their objects are recognised by their attributes.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from counting.detection.detections import Detections
from counting.stats.metrics import Floats
from counting_datasets.categories import match_categories
from counting_datasets.errors import CountingError, DataError

Classes = Sequence[str] | Mapping[int, str]
"""Class names of a detector, by class number."""

NO_CLASS = ("__background__", "N/A", "background")
"""Names that detectors give to unused class numbers."""


def from_torchvision(
    outputs: Sequence[Mapping[str, Any]],
    classes: Classes,
    categories: Sequence[str] | None = None,
    images: Sequence[str] | None = None,
) -> Detections:
    """Boxes of N photos from a torchvision detector: dicts of ``boxes`` (D×4), ``labels`` and ``scores`` (D).

    ``classes`` names the labels, such as ``weights.meta["categories"]``. Boxes of classes outside ``categories``
    (default: all classes) are left out; VOC's and COCO's names match. ``images`` are the photos' ids, by default
    "0", "1", ….

    Raises:
        CountingError: an output is of another kind, a label has no name, or ``images`` has the wrong length.
    """
    return _detections([_parts(output) for output in outputs], classes, categories, images)


def from_ultralytics(
    results: Sequence[Any], categories: Sequence[str] | None = None, images: Sequence[str] | None = None
) -> Detections:
    """Boxes of N photos from ultralytics: ``Results`` with ``names`` and ``boxes``.

    ``images`` are by default the photos' file names without extension, or numbers if those are not unique.
    ``categories`` and errors as for ``from_torchvision``.
    """
    stems = [PurePath(str(getattr(result, "path", ""))).stem for result in results]
    distinct = len(set(stems)) == len(stems) and all(stems)
    classes: Classes = results[0].names if results else ()
    return _detections(
        [_parts(result) for result in results],
        classes,
        categories,
        images if images is not None or not distinct else stems,
    )


def from_supervision(
    detections: Sequence[Any],
    classes: Classes,
    categories: Sequence[str] | None = None,
    images: Sequence[str] | None = None,
) -> Detections:
    """Boxes of N photos from supervision: ``Detections`` with ``xyxy``, ``confidence`` and ``class_id``.

    Parameters and errors as for ``from_torchvision``.
    """
    return _detections([_parts(one) for one in detections], classes, categories, images)


def parts_of(output: Any) -> tuple[Floats, Floats, Floats]:
    """Boxes (D×4), scores and class numbers (D) of one photo's output of any of the three libraries.

    Raises:
        CountingError: the output is of another kind, or lacks scores or classes.
    """
    try:
        if isinstance(output, Mapping):
            parts = output["boxes"], output["scores"], output["labels"]
        elif hasattr(output, "confidence"):
            parts = output.xyxy, output.confidence, output.class_id
        else:
            parts = output.boxes.xyxy, output.boxes.conf, output.boxes.cls
    except (KeyError, AttributeError):
        raise CountingError(
            f"{type(output).__name__}: not the output of torchvision, supervision or ultralytics"
        ) from None
    if any(part is None for part in parts):
        raise CountingError(f"{type(output).__name__}: its boxes have no scores or no classes")
    boxes, scores, labels = (_array(part) for part in parts)
    return boxes.reshape(-1, 4), scores, labels


def _array(values: Any) -> Floats:
    tensor = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(tensor, dtype=np.float64)


def _parts(output: Any) -> tuple[Floats, Floats, Floats]:
    """As ``parts_of``, but an output without boxes needs neither scores nor classes."""
    xyxy = getattr(output, "xyxy", None)
    if xyxy is not None and len(xyxy) == 0:
        return np.zeros((0, 4)), np.zeros(0), np.zeros(0)
    return parts_of(output)


def _detections(
    photos: Sequence[tuple[Floats, Floats, Floats]],
    classes: Classes,
    categories: Sequence[str] | None,
    images: Sequence[str] | None,
) -> Detections:
    names = dict(classes) if isinstance(classes, Mapping) else dict(enumerate(classes))
    known = [name for name in dict.fromkeys(names.values()) if name not in NO_CLASS]
    wanted = tuple(known if categories is None else categories)
    ids = tuple(map(str, range(len(photos)) if images is None else images))
    if len(ids) != len(photos):
        raise DataError(f"{len(ids)} image ids for the boxes of {len(photos)} photos")
    none = (np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    boxes, scores, labels = (np.concatenate(parts) for parts in zip(none, *photos, strict=True))
    unknown = sorted({int(label) for label in labels} - names.keys())
    if unknown:
        raise DataError(f"class {unknown[0]} has no name: there are {len(names)} classes")
    matched = match_categories(list(names.values()), wanted)
    column = {number: matched.get(place, -1) for place, number in enumerate(names)}
    category = np.array([column[int(label)] for label in labels], dtype=np.int64)
    found = Detections(
        images=ids,
        categories=wanted,
        image=np.repeat(np.arange(len(photos)), [len(part[1]) for part in photos]),
        category=category,
        boxes=boxes,
        scores=scores,
    )
    return found.where(category >= 0)
