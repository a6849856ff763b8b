"""What counting needs of a COCO instances file, checked before anything reads it."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from counting_datasets.errors import DataError

_NEEDED = {
    "images": ("id", "file_name", "width", "height"),
    "annotations": ("id", "image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}


def check_instances(path: Path, content: dict[str, Any]) -> None:
    """Look for missing keys, names that are there twice, links to nothing, and numbers that are none.

    Raises:
        DataError: the first that was found; ``path`` is the file that ``content`` was read from.
    """
    for section, keys in _NEEDED.items():
        _check_keys(path, section, content.get(section), keys)
        _check_names(path, f"{section} id", [row["id"] for row in content[section]])
    for section in ("images", "categories"):
        if not content[section]:
            raise DataError(f"{path}: its list of {section} is empty")
    _check_names(path, "category name", [row["name"] for row in content["categories"]], kinds=(str,))
    _check_files(path, content["images"])
    _check_links(path, content)
    _check_sizes(path, content["images"])
    _check_crowds(path, content)
    _check_boxes(path, content["annotations"])


def _check_keys(path: Path, section: str, rows: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(rows, list):
        raise DataError(f"{path}: has no list of {section}")
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise DataError(f"{path}: {section}[{index}] is no object with keys and values")
    for key in keys:
        lacking = next((index for index, row in enumerate(rows) if key not in row), None)
        if lacking is not None:
            raise DataError(f"{path}: {section}[{lacking}] has no {key!r}")


def _check_names(path: Path, what: str, names: list[Any], kinds: tuple[type, ...] = (int, str)) -> None:
    """All of one kind, and each there once."""
    found = set(map(type, names))
    if len(found) > 1 or not found <= set(kinds):
        odd = next(name for name in names if type(name) is not type(names[0]) or type(name) not in kinds)
        raise DataError(f"{path}: {what} {odd!r}: all must be {' or all '.join(kind.__name__ for kind in kinds)}")
    if len(set(names)) < len(names):
        raise DataError(f"{path}: {what} {Counter(names).most_common(1)[0][0]!r} is there twice")


def _check_files(path: Path, images: list[dict[str, Any]]) -> None:
    files = [image["file_name"] for image in images]
    _check_names(path, "file_name", files, kinds=(str,))
    twice = next((stem for stem, times in Counter(Path(file).stem for file in files).items() if times > 1), None)
    if twice is not None:
        raise DataError(
            f"{path}: two photos are called {twice!r}; counts go by file names without folder and ending"
        )


def _check_links(path: Path, content: dict[str, Any]) -> None:
    for key, section in (("image_id", "images"), ("category_id", "categories")):
        known = {row["id"] for row in content[section]}
        for row in content["annotations"]:
            if not isinstance(row[key], int | str) or row[key] not in known:
                raise DataError(
                    f"{path}: annotation {row['id']} has {key} {row[key]!r}, which no {section} entry has"
                )


def _check_sizes(path: Path, images: list[dict[str, Any]]) -> None:
    for image in images:
        if not all(isinstance(image[side], int) and image[side] > 0 for side in ("width", "height")):
            raise DataError(f"{path}: image {image['id']} has no width and height that are positive integers")


def _check_crowds(path: Path, content: dict[str, Any]) -> None:
    ids = [row["id"] for row in content["categories"]]
    for image in content["images"]:
        crowds = image.get("crowd_categories") or []
        if not isinstance(crowds, list) or any(category not in ids for category in crowds):
            raise DataError(
                f"{path}: image {image['id']} has crowd_categories {str(crowds)[:80]}, which is not a list of "
                "category ids"
            )


def _check_boxes(path: Path, annotations: list[dict[str, Any]]) -> None:
    if not _are_boxes([row["bbox"] for row in annotations]):
        odd = next(row for row in annotations if not _are_boxes([row["bbox"]]))
        raise DataError(
            f"{path}: annotation {odd['id']} has bbox {str(odd['bbox'])[:80]}, which is not four finite numbers "
            "x, y, width, height with no negative side"
        )
    for row in annotations:
        if row.get("iscrowd", 0) not in (0, 1):
            raise DataError(f"{path}: annotation {row['id']} has iscrowd {row['iscrowd']!r}, should be 0 or 1")


def _are_boxes(boxes: list[Any]) -> bool:
    if not boxes:
        return True
    try:
        values = np.array(boxes, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return False
    return values.shape == (len(boxes), 4) and bool(np.isfinite(values).all() and (values[:, 2:] >= 0).all())
