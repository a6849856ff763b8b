"""Label Studio's tasks with predictions: a point for each located object, and the labelling configuration."""

from typing import Any
from xml.etree import ElementTree

from counting.tables.annotations.photos import LocatedPhoto, LocatedPhotos, Point

IMAGE, POINT = "image", "point"
"""Names of the image and of its points in the labelling configuration."""

WIDTH = 0.5
"""Size of a point on the screen, in percent of the photo's width."""


def tasks(located: LocatedPhotos, prefix: str = "") -> list[dict[str, Any]]:
    """One task a photo; its address is ``prefix`` and the file name."""
    return [
        {
            "data": {IMAGE: f"{prefix}{photo.file_name}", "counts": dict(photo.counts)},
            "predictions": [
                {
                    "model_version": "everyday-counting",
                    "result": [_region(photo, point, f"{n}") for n, point in enumerate(photo.points)],
                }
            ],
        }
        for photo in located.photos
    ]


def labelling_configuration(located: LocatedPhotos) -> str:
    """The XML to paste into the settings of the project."""
    view = ElementTree.Element("View")
    ElementTree.SubElement(view, "Image", {"name": IMAGE, "value": f"${IMAGE}"})
    labels = ElementTree.SubElement(view, "KeyPointLabels", {"name": POINT, "toName": IMAGE})
    for category in located.categories:
        ElementTree.SubElement(labels, "Label", {"value": category})
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _region(photo: LocatedPhoto, point: Point, name: str) -> dict[str, Any]:
    width, height = photo.size
    value = {"x": 100 * point.x / width, "y": 100 * point.y / height, "width": WIDTH}
    return {
        "id": name,
        "type": "keypointlabels",
        "from_name": POINT,
        "to_name": IMAGE,
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {**value, "keypointlabels": [point.category]},
    }
