"""FiftyOne's samples: the counts, and a keypoint for each located object."""

from typing import Any

from counting.tables.annotations.photos import LocatedPhoto, LocatedPhotos


def samples(located: LocatedPhotos) -> dict[str, Any]:
    """The content of a file that ``fiftyone.Sample.from_dict`` reads sample by sample."""
    return {"samples": [_sample(photo) for photo in located.photos]}


def _sample(photo: LocatedPhoto) -> dict[str, Any]:
    width, height = photo.size
    keypoints = [
        {
            "_cls": "Keypoint",
            "label": point.category,
            "points": [[point.x / width, point.y / height]],
            "confidence": [min(point.weight, 1.0)],
        }
        for point in photo.points
    ]
    return {
        "filepath": str(photo.path.resolve()),
        "metadata": {"_cls": "ImageMetadata", "width": width, "height": height},
        "counts": dict(photo.counts),
        "located": {"_cls": "Keypoints", "keypoints": keypoints},
    }
