"""Run a detector on the photos of a data set; its boxes are counted like those of a results file."""

from collections.abc import Sequence

import numpy as np

from counting.detection.detections import Detections
from counting.detection.detectors.base import Detector, PhotoBoxes
from counting.tables.count_table import CountTable
from counting.utils.progress import track
from counting_datasets.categories import match_categories
from counting_datasets.errors import PhotoError
from counting_datasets.scene import Scene


def detect_scenes(
    detector: Detector, scenes: Sequence[Scene], truth: CountTable
) -> tuple[Detections, dict[str, str]]:
    """The boxes in the photos of ``scenes``, in the categories of ``truth`` (which has the same photos).

    Also returns the ids of unreadable photos, which are left out, mapped to the reason.
    """
    row_of = {image: row for row, image in enumerate(truth.images)}
    found: list[tuple[int, PhotoBoxes]] = []
    lost: dict[str, str] = {}
    for scene in track(scenes, "detecting"):
        try:
            found.append((row_of[scene.id], detector.detect(scene.image())))
        except PhotoError as error:
            lost[scene.id] = str(error)
    kept = np.array([image not in lost for image in truth.images])
    return _flat(found, detector.categories, truth).in_photos(np.flatnonzero(kept)), lost


def _flat(found: Sequence[tuple[int, PhotoBoxes]], categories: Sequence[str], truth: CountTable) -> Detections:
    match = match_categories(categories, truth.categories)
    column = np.array([match.get(k, -1) for k in range(len(categories))])
    nothing = np.zeros(0, dtype=np.int64)
    category = column[np.concatenate([nothing, *(boxes.category for _, boxes in found)])]
    every = Detections(
        images=truth.images,
        categories=truth.categories,
        image=np.repeat([row for row, _ in found], [len(boxes.scores) for _, boxes in found]).astype(np.int64),
        category=category,
        boxes=np.concatenate([np.zeros((0, 4)), *(boxes.corners for _, boxes in found)]),
        scores=np.concatenate([np.zeros(0), *(boxes.scores for _, boxes in found)]),
        numbers=truth.numbers,
    )
    return every.where(category >= 0)
